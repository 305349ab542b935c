#include "nn/generate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "nn/search.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::int64_t kMostBeams = 1000;

// How many new tokens a prompt may get, and how many it has to.
SearchTask task_of(std::size_t number, std::vector<std::int32_t> beginning,
                   const BatchLimits& limits, const GenerateOptions& options,
                   const StopRule& stop) {
  const auto length = static_cast<std::int64_t>(beginning.size());
  check(length < limits.positions, "generate: a prompt has ", length, " tokens and the model ",
        limits.positions, " positions, so nothing can follow; shorten it");
  const std::int64_t whole =
      options.max_length > 0 ? std::min(options.max_length, limits.positions) : limits.positions;
  SearchTask task;
  task.prompt = number;
  task.history = std::move(beginning);
  task.most = std::min(options.max_new_tokens, whole - length);
  task.least = std::max(options.min_new_tokens, options.min_length - length);
  task.options = &options;
  task.stop = &stop;
  return task;
}

void check_logits(const Tensor& logits) {
  const float* data = logits.data<float>();
  for (std::int64_t row = 0; row < logits.size(0); ++row) {
    float sum = 0;  // of zeros, or of a NaN that an infinity or a NaN gives
    for (std::int64_t i = 0; i < logits.size(1); ++i) sum += data[row * logits.size(1) + i] * 0;
    check(sum == 0, "generate: the model's logits aren't finite numbers");
  }
}

}  // namespace

void check_options(const GenerateOptions& options) {
  const auto above = [](double value, const char* name) {
    check(std::isfinite(value) && value > 0, name, ": expected a number above 0, found ", value);
  };
  const auto count = [](std::int64_t value, const char* name) {
    check(value >= 0, name, ": expected 0 or more, found ", value);
  };
  check(options.max_new_tokens > 0, "--max-new-tokens: expected 1 or more, found ",
        options.max_new_tokens);
  count(options.min_new_tokens, "--min-new-tokens");
  check(options.min_new_tokens <= options.max_new_tokens,
        "--min-new-tokens: ", options.min_new_tokens, " is more than --max-new-tokens ",
        options.max_new_tokens);
  count(options.max_length, "max_length");
  count(options.min_length, "min_length");
  count(options.no_repeat_ngram_size, "--no-repeat-ngram-size");
  above(options.repetition_penalty, "--repetition-penalty");
  above(options.temperature, "--temperature");
  count(options.top_k, "--top-k");
  check(options.top_p >= 0 && options.top_p <= 1, "--top-p: expected a number from 0 to 1, found ",
        options.top_p);
  check(options.min_p >= 0 && options.min_p <= 1, "--min-p: expected a number from 0 to 1, found ",
        options.min_p);
  check(options.beams >= 1 && options.beams <= kMostBeams, "--beams: expected 1 to ", kMostBeams,
        ", found ", options.beams);
  check(std::isfinite(options.length_penalty), "--length-penalty: expected a number, found ",
        options.length_penalty);
  check(!options.sample || options.beams == 1,
        "--sample: tokens are drawn for a single text, not for ", options.beams,
        " beams; choose one (--beams 1 or --greedy)");
}

CachedDecoding::CachedDecoding(const Model& model, Task task, const char* kind)
    : model_(&model), cache_(model.limits().positions) {
  check(model.config().task == task, "generate: expected ", kind, ", found a model for ",
        name(model.config().task));
}

Tensor CachedDecoding::last_logits(std::span<const TokenSequence> tokens) {
  std::vector<const TokenSequence*> sequences;
  for (const TokenSequence& sequence : tokens) sequences.push_back(&sequence);
  const NoGrad off;
  const Batch batch = make_batch(sequences, model_->limits(), cache_);
  Want want;
  want.last_token_alone = true;
  return model_->forward(batch, want, {}).logits.value().to(DType::f32).contiguous();
}

CausalDecoding::CausalDecoding(const Model& model)
    : CachedDecoding(model, Task::causal_lm, "a causal language model") {}

TargetDecoding::TargetDecoding(const Model& model)
    : CachedDecoding(model, Task::seq2seq_lm, "an encoder-decoder that writes") {}

std::vector<std::int32_t> TargetDecoding::beginning(const TokenSequence& prompt) const {
  if (!prompt.target_ids.empty()) return prompt.target_ids;
  return {static_cast<std::int32_t>(limits().decoder_start)};
}

Tensor TargetDecoding::advance(std::span<const TokenSequence> tokens) {
  std::vector<TokenSequence> sequences(tokens.begin(), tokens.end());
  const bool prompts = is_at_prompts();
  for (TokenSequence& sequence : sequences)
    sequence.target_ids = prompts ? beginning(sequence) : std::exchange(sequence.ids, {});
  return last_logits(sequences);
}

std::unique_ptr<Decoding> make_decoding(const Model& model) {
  if (model.config().task == Task::seq2seq_lm) return std::make_unique<TargetDecoding>(model);
  return std::make_unique<CausalDecoding>(model);
}

std::vector<Generated> generate(Decoding& decoding, std::span<const TokenSequence> prompts,
                                const GenerateOptions& options, const StopRule& stop) {
  check_options(options);
  const BatchLimits limits = decoding.limits();
  for (const std::int32_t id : options.eos)
    check(id >= 0 && id < limits.vocab, "generate: the end-of-sequence id ", id,
          " is outside of the model's ", limits.vocab, " ids");
  std::vector<std::unique_ptr<Search>> searches(prompts.size());
  std::vector<std::size_t> live;  // numbers of searches
  std::vector<TokenSequence> tokens;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    SearchTask task = task_of(i, decoding.beginning(prompts[i]), limits, options, stop);
    if (task.most <= 0) continue;
    searches[i] = make_search(std::move(task), limits.vocab);
    live.push_back(i);
    tokens.push_back(prompts[i]);
  }
  std::vector<std::int64_t> rows(live.size(), 1);  // of each live search
  while (!live.empty()) {
    const Tensor logits = decoding.advance(tokens);
    check_logits(logits);
    const std::span<const float> all(logits.data<float>(),
                                     static_cast<std::size_t>(logits.count()));
    std::vector<std::int64_t> sources, next_rows;
    std::vector<std::size_t> next_live;
    tokens.clear();
    std::int64_t first = 0;
    for (std::size_t i = 0; i < live.size(); ++i) {
      const auto begin = static_cast<std::size_t>(first * limits.vocab);
      const auto size = static_cast<std::size_t>(rows[i] * limits.vocab);
      const auto next = searches[live[i]]->advance(all.subspan(begin, size));
      for (const Continuation& continuation : next) {
        sources.push_back(first + continuation.row);
        tokens.push_back({{continuation.token}, {}});
      }
      first += rows[i];
      if (next.empty()) continue;
      next_live.push_back(live[i]);
      next_rows.push_back(static_cast<std::int64_t>(next.size()));
    }
    live = std::move(next_live);
    rows = std::move(next_rows);
    if (!live.empty()) decoding.select(sources);
  }
  std::vector<Generated> found;
  for (const auto& search : searches) found.push_back(search ? search->result() : Generated{});
  return found;
}

std::vector<Generated> generate(const Model& model, std::span<const TokenSequence> prompts,
                                const GenerateOptions& options, const StopRule& stop) {
  return generate(*make_decoding(model), prompts, options, stop);
}

}  // namespace retort
