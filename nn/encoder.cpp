#include "nn/encoder.h"

namespace retort {

EncoderLayer::EncoderLayer(const Scope& scope, const ModelConfig& config, const EncoderLayerNames& names)
    : heads_(config.heads),
      query_(scope / names.query, config.hidden_size, config.hidden_size),
      key_(scope / names.key, config.hidden_size, config.hidden_size),
      value_(scope / names.value, config.hidden_size, config.hidden_size),
      attention_output_(scope / names.attention_output, config.hidden_size, config.hidden_size),
      attention_norm_(scope / names.attention_norm, config.hidden_size, config.layer_norm_epsilon),
      intermediate_(scope / names.intermediate, config.hidden_size, config.intermediate_size),
      output_(scope / names.output, config.intermediate_size, config.hidden_size),
      output_norm_(scope / names.output_norm, config.hidden_size, config.layer_norm_epsilon),
      attention_dropout_(scope, "attention.dropout", config.attention_dropout),
      attention_output_dropout_(scope, "attention.output.dropout",
                                names.drop_attention_output ? config.hidden_dropout : 0),
      output_dropout_(scope, "output.dropout", config.hidden_dropout),
      activation_(activation(config.activation)) {}

Variable EncoderLayer::operator()(const Variable& x, const Ragged& ragged, const Context& context) const {
  const Variable mixed = attention(query_(x), key_(x), value_(x), ragged,
                                   {.heads = heads_, .dropout = attention_dropout_.rule(context)});
  const Variable attended =
      attention_norm_(attention_output_dropout_(attention_output_(mixed), context, x));
  return output_norm_(
      output_dropout_(output_(activation_(intermediate_(attended))), context, attended));
}

EncoderStack::EncoderStack(const Scope& scope, const ModelConfig& config, const EncoderLayerNames& names) {
  for (std::int64_t i = 0; i < config.layers; ++i)
    layers_.emplace_back(scope / std::to_string(i), config, names);
}

Variable EncoderStack::operator()(Variable x, const Batch& batch, const Want& want,
                                  const Context& context, Output& output) const {
  const auto deepest = want.logits ? static_cast<int>(layers_.size())
                                   : (want.hidden.empty() ? 0 : *want.hidden.rbegin());
  if (want.hidden.contains(0)) output.hidden[0] = x;
  for (int layer = 1; layer <= deepest; ++layer) {
    x = layers_[static_cast<std::size_t>(layer - 1)](x, batch.ragged, context);
    if (want.hidden.contains(layer)) output.hidden[layer] = x;
  }
  return x;
}

}  // namespace retort
