#include "nn/encoder.h"

namespace retort {

const EncoderLayerNames kBertLayerNames = {.query = "attention.self.query",
                                           .key = "attention.self.key",
                                           .value = "attention.self.value",
                                           .attention_output = "attention.output.dense",
                                           .attention_norm = "attention.output.LayerNorm",
                                           .intermediate = "intermediate.dense",
                                           .output = "output.dense",
                                           .output_norm = "output.LayerNorm",
                                           .drop_attention_output = true};

EncoderLayer::EncoderLayer(const Scope& scope, const ModelConfig& config,
                           const EncoderLayerNames& names)
    : heads_(config.heads),
      query_(scope / names.query, config.hidden_size, config.hidden_size),
      key_(scope / names.key, config.hidden_size, config.hidden_size),
      value_(scope / names.value, config.hidden_size, config.hidden_size),
      attention_output_(scope / names.attention_output, config.hidden_size, config.hidden_size),
      attention_norm_(scope / names.attention_norm, config.hidden_size, config.norm_epsilon),
      intermediate_(scope / names.intermediate, config.hidden_size, config.intermediate_size),
      output_(scope / names.output, config.intermediate_size, config.hidden_size),
      output_norm_(scope / names.output_norm, config.hidden_size, config.norm_epsilon),
      attention_dropout_(scope, "attention.dropout", config.attention_dropout),
      attention_output_dropout_(scope, "attention.output.dropout",
                                names.drop_attention_output ? config.hidden_dropout : 0),
      output_dropout_(scope, "output.dropout", names.drop_output ? config.hidden_dropout : 0),
      activation_(activation(config.activation)) {}

Variable EncoderLayer::operator()(const Variable& x, const Ragged& ragged, const Context& context,
                                  const LayerTrace& trace) const {
  const Variable mixed =
      trace.attention(query_(x), key_(x), value_(x), ragged,
                      {.heads = heads_, .dropout = attention_dropout_.rule(context)});
  const Variable attended =
      attention_norm_(attention_output_dropout_(attention_output_(mixed), context, x));
  return output_norm_(
      output_dropout_(output_(activation_(intermediate_(attended))), context, attended));
}

EncoderEmbeddings::EncoderEmbeddings(const Scope& scope, const ModelConfig& config)
    : words_(scope, "word_embeddings", config.vocab_size, config.embedding_columns()),
      positions_(scope, "position_embeddings", config.max_positions, config.embedding_columns()),
      types_(config.token_types == 0
                 ? std::nullopt
                 : std::optional<Embedding>(std::in_place, scope, "token_type_embeddings",
                                            config.token_types, config.embedding_columns())),
      norm_(scope / "LayerNorm", config.embedding_columns(), config.norm_epsilon),
      dropout_(scope, "dropout", config.hidden_dropout) {}

Variable EncoderEmbeddings::operator()(const Batch& batch, const Context& context) const {
  Variable sum = words_(batch.ids);
  if (types_) sum = sum + (*types_)(batch.type_ids);
  return dropout_(norm_(sum + positions_(batch.positions)), context);
}

void encoder_axes(Axes& axes, const EncoderLayerNames& names, Axis embedding) {
  axes.linear("embeddings.word_embeddings", Axis::vocabulary, embedding);
  axes.linear("embeddings.position_embeddings", Axis::whole, embedding);
  axes.linear("embeddings.token_type_embeddings", Axis::whole, embedding);
  axes.vector("embeddings.LayerNorm", embedding);
  axes.linear(names.query, Axis::queries, Axis::stream);
  axes.linear(names.key, Axis::keys, Axis::stream);
  axes.linear(names.value, Axis::keys, Axis::stream);
  axes.linear(names.attention_output, Axis::stream, Axis::queries);
  axes.vector(names.attention_norm, Axis::stream);
  axes.linear(names.intermediate, Axis::feed_forward, Axis::stream);
  axes.linear(names.output, Axis::stream, Axis::feed_forward);
  axes.vector(names.output_norm, Axis::stream);
}

Encoder::Encoder(const Scope& scope, const ModelConfig& config, std::string_view layers,
                 const EncoderLayerNames& names, std::string_view projection)
    : embeddings_(scope / "embeddings", config) {
  if (config.embedding_columns() != config.hidden_size)
    projection_.emplace(scope / projection, config.embedding_columns(), config.hidden_size);
  for (std::int64_t i = 0; i < config.layers; ++i)
    layers_.emplace_back(scope / layers / std::to_string(i), config, names);
}

Variable Encoder::forward(const Batch& batch, const Want& want, const Context& context,
                          Output& output) const {
  Variable embedded = embeddings_(batch, context);
  if (projection_) embedded = (*projection_)(embedded);
  return run_layers(embedded, layers_.size(), want, want.logits, output,
                    [&](const Variable& x, std::size_t i, const LayerTrace& trace) {
                      return layers_[i](x, batch.ragged, context, trace);
                    });
}

}  // namespace retort
