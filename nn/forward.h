// What a forward pass is asked for, how it runs, and what it gives.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>

#include "autograd/ops.h"
#include "autograd/variable.h"

namespace retort {

class KeyValueCache;

/// Tensors that are wanted of a stack's layers, by layer. Layers count from 1; of hidden states
/// there are also those of layer 0, the embedding output.
struct LayerWants {
  std::set<int> hidden, attention, scores, query, key, value;

  bool empty() const;
};

/// And what came of it.
struct LayerTensors {
  std::map<int, Variable> hidden;  ///< [tokens, hidden]; of the last layer after the final norm
  /// Flat [heads, queries, keys] blocks at Ragged::block_offsets: probabilities before dropout, and
  /// scores as they go into the softmax (scaled, capped, with bias; −∞ where a query doesn't see a
  /// key).
  std::map<int, Variable> attention, scores;
  /// [tokens, heads · head_dim] after norms and rotation; keys and values may have fewer heads.
  std::map<int, Variable> query, key, value;
};

/// One kind of tensor under its name: for those that go through all kinds.
struct LayerTensorKind {
  const char* name;
  std::set<int> LayerWants::*wanted;
  std::map<int, Variable> LayerTensors::*given;
  int first_layer;
};
inline constexpr LayerTensorKind kLayerTensorKinds[] = {
    {"hidden", &LayerWants::hidden, &LayerTensors::hidden, 0},
    {"attention", &LayerWants::attention, &LayerTensors::attention, 1},
    {"scores", &LayerWants::scores, &LayerTensors::scores, 1},
    {"query", &LayerWants::query, &LayerTensors::query, 1},
    {"key", &LayerWants::key, &LayerTensors::key, 1},
    {"value", &LayerWants::value, &LayerTensors::value, 1},
};

/// What a forward pass should give. The pass stops at the deepest layer that is wanted. Of an
/// encoder-decoder the layers are the decoder's, unless another stack is named.
struct Want : LayerWants {
  bool logits = true;
  /// Of heads that work on tokens: the logits of each sequence's last token alone [sequences, …].
  bool last_token_alone = false;
  LayerWants encoder;
  LayerWants cross;  ///< the decoder's attention to the encoder, which has no hidden states
};

/// How a forward pass runs.
struct Context {
  bool training = false;  ///< dropout on
  std::uint64_t seed = 0;
  std::uint32_t step = 0;            ///< the optimiser step (for random bits)
  std::uint32_t first_token = 0;     ///< this batch's first token within the whole step
  std::uint32_t first_target = 0;    ///< its decoder's first token, in an encoder-decoder
  std::uint32_t first_sequence = 0;  ///< this batch's first sequence within the whole step
  std::uint32_t use = 0;  ///< how often a layer that is used several times was used before (ALBERT)
};

struct Output : LayerTensors {
  /// What the head gives: of sequence classifiers [sequences, labels], of an embedding [sequences,
  /// hidden], of heads that work on tokens [tokens, labels or vocabulary] (question answering: the
  /// columns are start and end). Of an encoder-decoder the tokens are its decoder's.
  Variable logits;
  LayerTensors encoder, cross;  ///< as in Want
};

/// One layer's part in what is wanted.
class LayerTrace {
 public:
  LayerTrace(const LayerWants& want, LayerTensors& given, int layer, KeyValueCache* cache)
      : want_(&want), given_(&given), layer_(layer), cache_(cache) {}
  /// retort::attention that keeps what is wanted of it. With a cache, k and v join those that it
  /// holds and q sees all of them.
  Variable attention(const Variable& q, const Variable& k, const Variable& v, const Ragged& ragged,
                     AttentionOptions options, const Variable& bias_table = {}) const;

 private:
  const LayerWants* want_;
  LayerTensors* given_;
  int layer_;
  KeyValueCache* cache_;
};

/// The deepest of `layers` layers of which anything is wanted; 0 where nothing is. Error: a layer
/// is wanted that there isn't.
int deepest_layer(const LayerWants& want, int layers);

/// Runs layer(x, index from 0, trace) for one layer after the other, as deep as is wanted
/// (`to_end`: all of them), and keeps the hidden states that are wanted. `cache`: of a decoder's
/// batch. Error: a layer is wanted that there isn't.
using RunLayer =
    std::function<Variable(const Variable& x, std::size_t index, const LayerTrace& trace)>;
Variable run_layers(Variable x, std::size_t layers, const LayerWants& want, bool to_end,
                    LayerTensors& given, const RunLayer& layer, KeyValueCache* cache = nullptr);

}  // namespace retort
