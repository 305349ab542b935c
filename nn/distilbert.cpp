#include "nn/distilbert.h"

namespace retort {
namespace {

constexpr EncoderLayerNames kNames = {.query = "attention.q_lin",
                                      .key = "attention.k_lin",
                                      .value = "attention.v_lin",
                                      .attention_output = "attention.out_lin",
                                      .attention_norm = "sa_layer_norm",
                                      .intermediate = "ffn.lin1",
                                      .output = "ffn.lin2",
                                      .output_norm = "output_layer_norm",
                                      .drop_attention_output = false};

}  // namespace

DistilBert::DistilBert(ModelConfig source)
    : Model(std::move(source)),
      words_(Scope(parameters(), "distilbert.embeddings"), "word_embeddings", config().vocab_size,
             config().hidden_size),
      positions_(Scope(parameters(), "distilbert.embeddings"), "position_embeddings",
                 config().max_positions, config().hidden_size),
      embedding_norm_(Scope(parameters(), "distilbert.embeddings.LayerNorm"), config().hidden_size,
                      config().layer_norm_epsilon),
      embedding_dropout_(Scope(parameters(), "distilbert.embeddings"), "dropout", config().hidden_dropout),
      layers_(Scope(parameters(), "distilbert.transformer.layer"), config(), kNames),
      pre_classifier_(Scope(parameters(), "pre_classifier"), config().hidden_size, config().hidden_size),
      classifier_dropout_(Scope(parameters(), "distilbert"), "classifier_dropout",
                          config().classifier_dropout, RowsOf::sequences),
      classifier_(Scope(parameters(), "classifier"), config().hidden_size, config().num_labels()) {}

Output DistilBert::forward(const Batch& batch, const Want& want, const Context& context) const {
  check_want(want);
  Output output;
  const Variable embedded =
      embedding_dropout_(embedding_norm_(words_(batch.ids) + positions_(batch.positions)), context);
  const Variable x = layers_(embedded, batch, want, context, output);
  if (want.logits) {
    const Variable pooled = relu(pre_classifier_(embedding(x, batch.first_rows)));
    output.logits = classifier_(classifier_dropout_(pooled, context));
  }
  return output;
}

}  // namespace retort
