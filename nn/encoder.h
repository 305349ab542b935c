// The transformer encoder that BERT and its relatives share (post-norm; Vaswani et al. 2017, Devlin
// et al. 2019): they differ in names, in what embeddings they have and in where they drop.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "nn/axes.h"
#include "nn/body.h"
#include "nn/config.h"
#include "nn/layers.h"

namespace retort {

/// Names of one encoder layer's parts, relative to the layer's scope; "a.b" is a path.
struct EncoderLayerNames {
  std::string_view query, key, value, attention_output, attention_norm;
  std::string_view intermediate, output, output_norm;
  bool drop_attention_output;  ///< BERT does, DistilBERT doesn't
  bool drop_output = true;     ///< ALBERT doesn't
};
/// BERT's.
extern const EncoderLayerNames kBertLayerNames;

class EncoderLayer {
 public:
  EncoderLayer(const Scope& scope, const ModelConfig& config, const EncoderLayerNames& names);
  /// x: [tokens, hidden] → the same shape.
  Variable operator()(const Variable& x, const Ragged& ragged, const Context& context,
                      const LayerTrace& trace) const;

 private:
  std::int64_t heads_;
  Linear query_, key_, value_, attention_output_;
  LayerNorm attention_norm_;
  Linear intermediate_, output_;
  LayerNorm output_norm_;
  Dropout attention_dropout_, attention_output_dropout_, output_dropout_;
  Activation activation_;
};

/// The sum of words, token types (if the config has any) and positions, normalised: [tokens,
/// columns].
class EncoderEmbeddings {
 public:
  EncoderEmbeddings(const Scope& scope, const ModelConfig& config);
  Variable operator()(const Batch& batch, const Context& context) const;
  Parameter& words() { return words_.table(); }

 private:
  Embedding words_, positions_;
  std::optional<Embedding> types_;
  LayerNorm norm_;
  Dropout dropout_;
};

/// Axes of an encoder's embeddings and layers; `embedding`: of the tables' columns.
void encoder_axes(Axes& axes, const EncoderLayerNames& names, Axis embedding);

class Encoder : public Body {
 public:
  /// Layer i (from 0) gets the scope `scope`/layers/i. Where embeddings have other columns than the
  /// layers, `projection` is the matrix between them (ELECTRA).
  Encoder(const Scope& scope, const ModelConfig& config, std::string_view layers,
          const EncoderLayerNames& names, std::string_view projection = {});
  Variable forward(const Batch& batch, const Want& want, const Context& context,
                   Output& output) const override;
  Parameter& words() override { return embeddings_.words(); }

 private:
  EncoderEmbeddings embeddings_;
  std::optional<Linear> projection_;
  std::vector<EncoderLayer> layers_;
};

}  // namespace retort
