// Generation over token ids: a model goes on with prompts, several at once, until an end is found.
//
// A search (greedy, drawing, beams) decides about one prompt; all of them read the logits of one
// batch, so that the weights are read once for all. What it chooses depends on its own prompt
// alone: rows of logits have the same bits in any batch, and a draw's random numbers are a function
// of seed, prompt and position.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "nn/cache.h"
#include "nn/model.h"

namespace retort {

/// When beam search is content, once it has as many finished texts as beams: never as long as
/// another one can be better; when the best one that goes on would be worse if it ended now (no);
/// at once (yes).
enum class EarlyStopping { no, yes, never };

/// transformers' parameters of generate under their names; what they do is the same.
struct GenerateOptions {
  std::int64_t max_new_tokens = 128;
  std::int64_t min_new_tokens = 0;  ///< no end-of-sequence id before
  std::int64_t max_length = 0;      ///< of prompt and new tokens together; 0: the model's positions
  std::int64_t min_length = 0;
  std::vector<std::int32_t> eos;  ///< ids that end a sequence, of which they are the last ones
  double repetition_penalty = 1;
  std::int64_t no_repeat_ngram_size = 0;  ///< 0: any may be repeated

  bool sample = false;  ///< draw tokens instead of taking the likeliest one
  double temperature = 1;
  std::int64_t top_k = 50;  ///< 0: all
  double top_p = 1;
  double min_p = 0;
  std::uint64_t seed = 42;
  std::uint32_t first_prompt = 0;  ///< the number of prompts[0] among all: draws depend on it

  std::int64_t beams = 1;
  double length_penalty = 1;  ///< scores of beams are divided by length^penalty
  EarlyStopping early_stopping = EarlyStopping::no;
};

/// Errors name the option as the command line does.
void check_options(const GenerateOptions& options);

/// Why a text has come to its end.
enum class Ending { eos, length, stopped };

struct Generated {
  std::vector<std::int32_t> ids;  ///< new ones, with the end-of-sequence id
  Ending ending = Ending::length;
  double score = 0;  ///< of beam search: Σ log probability / length^penalty
};

/// Whether a text ends here: the prompt's number (from 0 within the call) and the new ids so far.
/// Without beams it is called once for each new id, in order, and so is a way to see them come.
using StopRule = std::function<bool(std::size_t prompt, std::span<const std::int32_t> ids)>;

/// A model in the midst of several sequences: what a search needs to know of it.
class Decoding {
 public:
  virtual ~Decoding() = default;
  /// What a prompt's text begins with, before the first new token: its own ids, unless an encoder
  /// reads those.
  virtual std::vector<std::int32_t> beginning(const TokenSequence& prompt) const {
    return prompt.ids;
  }
  /// Takes in the prompts, later more tokens of every sequence, and gives the logits of what comes
  /// next: [sequences, vocabulary], f32.
  virtual Tensor advance(std::span<const TokenSequence> tokens) = 0;
  /// Sequence i becomes what sequence sources[i] was.
  virtual void select(std::span<const std::int64_t> sources) = 0;
  /// Of the ids and of a sequence's length.
  virtual BatchLimits limits() const = 0;
};

/// A model that goes on with the help of a cache.
class CachedDecoding : public Decoding {
 public:
  void select(std::span<const std::int64_t> sources) override { cache_.select(sources); }
  BatchLimits limits() const override { return model_->limits(); }

 protected:
  /// Error: the model is for another task; `kind` says what is expected.
  CachedDecoding(const Model& model, Task task, const char* kind);
  /// What comes behind each sequence's last token: [sequences, vocabulary].
  Tensor last_logits(std::span<const TokenSequence> tokens);
  bool is_at_prompts() const { return cache_.sequences() == 0; }

 private:
  const Model* model_;
  KeyValueCache cache_;
};

/// A causal language model. Error: the model is none.
class CausalDecoding : public CachedDecoding {
 public:
  explicit CausalDecoding(const Model& model);
  Tensor advance(std::span<const TokenSequence> tokens) override { return last_logits(tokens); }
};

/// The decoder of an encoder-decoder, whose encoder has read the prompts: texts begin with the
/// decoder's start token, or with the prompt's target_ids where it has some. Error: the model is
/// none.
class TargetDecoding : public CachedDecoding {
 public:
  explicit TargetDecoding(const Model& model);
  std::vector<std::int32_t> beginning(const TokenSequence& prompt) const override;
  Tensor advance(std::span<const TokenSequence> tokens) override;
};

/// The one that goes with a model. Error: there is none.
std::unique_ptr<Decoding> make_decoding(const Model& model);

/// Writes what follows `prompts`, in their order: behind the text so far, or what an
/// encoder-decoder answers. A text that begins with max_length tokens gets no new ones. Errors:
/// those of check_options and make_batch, a beginning that takes all positions, logits that aren't
/// numbers.
std::vector<Generated> generate(Decoding& decoding, std::span<const TokenSequence> prompts,
                                const GenerateOptions& options, const StopRule& stop = {});
std::vector<Generated> generate(const Model& model, std::span<const TokenSequence> prompts,
                                const GenerateOptions& options, const StopRule& stop = {});

}  // namespace retort
