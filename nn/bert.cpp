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
      layers_(Scope(parameters(), "bert.encoder.layer"), config(), kNames),
      pooler_(Scope(parameters(), "bert.pooler.dense"), config().hidden_size, config().hidden_size),
      classifier_dropout_(Scope(parameters(), "bert"), "classifier_dropout",
                          config().classifier_dropout, RowsOf::sequences),
      classifier_(Scope(parameters(), "classifier"), config().hidden_size, config().num_labels()) {}

Output Bert::forward(const Batch& batch, const Want& want, const Context& context) const {
  check_want(want);
  Output output;
  const Variable embedded = embedding_dropout_(
      embedding_norm_(words_(batch.ids) + types_(batch.type_ids) + positions_(batch.positions)), context);
  const Variable x = layers_(embedded, batch, want, context, output);
  if (want.logits) {
    const Variable pooled = tanh(pooler_(embedding(x, batch.first_rows)));
    output.logits = classifier_(classifier_dropout_(pooled, context));
  }
  return output;
}

}  // namespace retort
