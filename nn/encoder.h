// The transformer encoder layer that BERT and DistilBERT share (post-norm, Vaswani et al. 2017;
// Devlin et al. 2019): they differ in names and in where they drop.
#pragma once

#include <string_view>
#include <vector>

#include "nn/layers.h"

namespace retort {

/// Names of one encoder layer's parts, relative to the layer's scope; "a.b" is a path.
struct EncoderLayerNames {
  std::string_view query, key, value, attention_output, attention_norm;
  std::string_view intermediate, output, output_norm;
  bool drop_attention_output;  ///< BERT does, DistilBERT doesn't
};

class EncoderLayer {
 public:
  EncoderLayer(const Scope& scope, const ModelConfig& config, const EncoderLayerNames& names);
  /// x: [tokens, hidden] → the same shape.
  Variable operator()(const Variable& x, const Ragged& ragged, const Context& context) const;

 private:
  std::int64_t heads_;
  Linear query_, key_, value_, attention_output_;
  LayerNorm attention_norm_;
  Linear intermediate_, output_;
  LayerNorm output_norm_;
  Dropout attention_dropout_, attention_output_dropout_, output_dropout_;
  Variable (*activation_)(const Variable&);
};

/// The layers of an encoder, one after the other.
class EncoderStack {
 public:
  /// Layer i (from 0) gets the scope `scope`/i.
  EncoderStack(const Scope& scope, const ModelConfig& config, const EncoderLayerNames& names);
  /// From the embedding output (layer 0) to the deepest layer wanted. Hidden states that are wanted go
  /// to `output`; the last layer's is returned.
  Variable operator()(Variable embeddings, const Batch& batch, const Want& want, const Context& context,
                      Output& output) const;

 private:
  std::vector<EncoderLayer> layers_;
};

}  // namespace retort
