#include "nn/bert.h"

namespace retort {
namespace {

constexpr EncoderLayerNames kNames = {.query = "attention.self.query",
                                      .key = "attention.self.key",
                                      .value = "attention.self.value",
                                      .attention_output = "attention.output.dense",
                                      .attention_norm = "attention.output.LayerNorm",
                                      .intermediate = "intermediate.dense",
                                      .output = "output.dense",
                                      .output_norm = "output.LayerNorm",
                                      .drop_attention_output = true};

std::vector<EncoderLayer> make_layers(const Scope& scope, const ModelConfig& config) {
  std::vector<EncoderLayer> layers;
  for (std::int64_t i = 0; i < config.layers; ++i)
    layers.emplace_back(scope / std::to_string(i), config, kNames);
  return layers;
}

}  // namespace

Bert::Bert(ModelConfig source)
    : Model(std::move(source)),
      words_(Scope(parameters(), "bert.embeddings"), "word_embeddings", config().vocab_size,
             config().hidden_size),
      positions_(Scope(parameters(), "bert.embeddings"), "position_embeddings", config().max_positions,
                 config().hidden_size),
      types_(Scope(parameters(), "bert.embeddings"), "token_type_embeddings", config().token_types,
             config().hidden_size),
      embedding_norm_(Scope(parameters(), "bert.embeddings.LayerNorm"), config().hidden_size,
                      config().layer_norm_epsilon),
      embedding_dropout_(Scope(parameters(), "bert.embeddings"), "dropout", config().hidden_dropout),
      layers_(make_layers(Scope(parameters(), "bert.encoder.layer"), config())),
      pooler_(Scope(parameters(), "bert.pooler.dense"), config().hidden_size, config().hidden_size),
      classifier_dropout_(Scope(parameters(), "bert"), "classifier_dropout",
                          config().classifier_dropout, RowsOf::sequences),
      classifier_(Scope(parameters(), "classifier"), config().hidden_size, config().num_labels()) {}

Output Bert::forward(const Batch& batch, const Want& want, const Context& context) const {
  check_want(want);
  Output output;
  const int deepest = want.logits ? static_cast<int>(config().layers)
                                  : (want.hidden.empty() ? 0 : *want.hidden.rbegin());
  Variable x = embedding_dropout_(
      embedding_norm_(words_(batch.ids) + types_(batch.type_ids) + positions_(batch.positions)), context);
  if (want.hidden.contains(0)) output.hidden[0] = x;
  for (int layer = 1; layer <= deepest; ++layer) {
    x = layers_[static_cast<std::size_t>(layer - 1)](x, batch.ragged, context);
    if (want.hidden.contains(layer)) output.hidden[layer] = x;
  }
  if (want.logits) {
    const Variable pooled = tanh(pooler_(embedding(x, batch.first_rows)));
    output.logits = classifier_(classifier_dropout_(pooled, context));
  }
  return output;
}

}  // namespace retort
