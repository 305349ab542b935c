// DistilBERT (Sanh et al. 2019) with the heads that transformers gives it: no token types, no
// pooler.
#include "nn/encoder.h"
#include "nn/models/models.h"

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
constexpr double kEpsilon = 1e-12;  // of every norm, whatever the config says

void defaults(ModelConfig& config) {
  config.layers = 6;
  config.token_types = 0;
  config.norm_epsilon = kEpsilon;
  config.classifier_dropout = 0.2;
}

void keys(ConfigKeys& keys, ModelConfig& config) {
  keys.size("dim", config.hidden_size, kMostHidden);
  keys.size("n_layers", config.layers, kMostLayers);
  keys.size("n_heads", config.heads, kMostHeads);
  keys.size("hidden_dim", config.intermediate_size, kMostIntermediate);
  keys.activation("activation", config.activation);
  keys.size("max_position_embeddings", config.max_positions, kMostPositions);
  keys.probability("dropout", config.hidden_dropout);
  keys.probability("attention_dropout", config.attention_dropout);
  keys.probability("seq_classif_dropout", config.classifier_dropout);
  keys.probability("qa_dropout", config.span_dropout);
  keys.note("sinusoidal_pos_embds", false);
  keys.note("tie_weights_", true);
  keys.only("position_embedding_type", "absolute");
  keys.only("is_decoder", false);
}

std::unique_ptr<Body> make_body(const Scope& scope, const ModelConfig& config) {
  return std::make_unique<Encoder>(scope, config, "transformer.layer", kNames);
}

Head make_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body) {
  const std::int64_t hidden = config.hidden_size;
  switch (config.task) {
    case Task::sequence_classification:
      return Head(Pooling::first)
          .linear(root / "pre_classifier", hidden, hidden)
          .then(relu)
          .dropout(scope, "classifier_dropout", config.classifier_dropout)
          .linear(root / "classifier", hidden, config.num_labels());
    case Task::token_classification:
      return Head(Pooling::tokens)
          .dropout(scope, "classifier_dropout", config.hidden_dropout)
          .linear(root / "classifier", hidden, config.num_labels());
    case Task::question_answering:
      return Head(Pooling::tokens)
          .dropout(scope, "span_dropout", config.span_dropout)
          .linear(root / "qa_outputs", hidden, kSpanEnds);
    case Task::masked_lm: {
      const Scope projector = root / "vocab_projector";
      Parameter& bias = projector.add("bias", {config.vocab_size}, Init::zeros, false);
      return Head(Pooling::tokens)
          .linear(root / "vocab_transform", hidden, hidden)
          .then(activation(config.activation))
          .layer(LayerNorm(root / "vocab_layer_norm", hidden, kEpsilon))
          .layer(vocabulary_linear(projector, config, body.words(), &bias));
    }
    default:
      fail_no_head(config);
  }
}

void axes(Axes& axes, const ModelConfig& config) {
  encoder_axes(axes, kNames, Axis::stream);
  const bool sequences = config.task == Task::sequence_classification;
  const Axis words = config.tie_word_embeddings ? Axis::stream : Axis::head;
  axes.linear("pre_classifier", Axis::head, Axis::stream);
  axes.linear("classifier", Axis::whole, sequences ? Axis::head : Axis::stream);
  axes.linear("qa_outputs", Axis::whole, Axis::stream);
  axes.linear("vocab_transform", words, Axis::stream);
  axes.vector("vocab_layer_norm", words);
  axes.linear("vocab_projector", Axis::vocabulary, words);
}

}  // namespace

const Architecture kDistilBert = {.model_type = "distilbert",
                                  .class_prefix = "DistilBert",
                                  .base_prefix = "distilbert",
                                  .usual_task = Task::sequence_classification,
                                  .defaults = defaults,
                                  .keys = keys,
                                  .make_body = make_body,
                                  .make_head = make_head,
                                  .layers = "transformer.layer",
                                  .axes = axes};

}  // namespace retort
