// BERT (Devlin et al. 2019) with the heads that transformers gives it.
#include "nn/encoder.h"
#include "nn/models/models.h"

namespace retort {
namespace {

void keys(ConfigKeys& keys, ModelConfig& config) {
  keys.size("hidden_size", config.hidden_size, kMostHidden);
  keys.size("num_hidden_layers", config.layers, kMostLayers);
  keys.size("num_attention_heads", config.heads, kMostHeads);
  keys.size("intermediate_size", config.intermediate_size, kMostIntermediate);
  keys.activation("hidden_act", config.activation);
  keys.size("max_position_embeddings", config.max_positions, kMostPositions);
  keys.probability("hidden_dropout_prob", config.hidden_dropout);
  keys.probability("attention_probs_dropout_prob", config.attention_dropout);
  if (keys.reading()) config.classifier_dropout = config.hidden_dropout;
  keys.probability("classifier_dropout", config.classifier_dropout);
  keys.size("type_vocab_size", config.token_types, kMostTypes);
  keys.number("layer_norm_eps", config.norm_epsilon, 0, 1);
  keys.only("position_embedding_type", "absolute");
  keys.only("is_decoder", false);
}

std::unique_ptr<Body> make_body(const Scope& scope, const ModelConfig& config) {
  auto body = std::make_unique<Encoder>(scope, config, "encoder.layer", kBertLayerNames);
  if (is_bare(config.task))  // nothing uses it, but transformers saves it
    Linear(scope.of(Part::pooler) / "pooler.dense", config.hidden_size, config.hidden_size);
  return body;
}

Head make_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body) {
  const std::int64_t hidden = config.hidden_size;
  switch (config.task) {
    case Task::sequence_classification:
      return Head(Pooling::first)
          .linear(scope.of(Part::pooler) / "pooler.dense", hidden, hidden)
          .then(tanh)
          .dropout(scope, "classifier_dropout", config.classifier_dropout)
          .linear(root / "classifier", hidden, config.num_labels());
    case Task::token_classification:
      return Head(Pooling::tokens)
          .dropout(scope, "classifier_dropout", config.classifier_dropout)
          .linear(root / "classifier", hidden, config.num_labels());
    case Task::question_answering:
      return Head(Pooling::tokens).linear(root / "qa_outputs", hidden, kSpanEnds);
    case Task::masked_lm: {
      const Scope predictions = root / "cls.predictions", transform = predictions / "transform";
      Parameter& bias = predictions.add("bias", {config.vocab_size}, Init::zeros, false);
      bias.aliases.push_back("cls.predictions.decoder.bias");
      return Head(Pooling::tokens)
          .linear(transform / "dense", hidden, hidden)
          .then(activation(config.activation))
          .layer(LayerNorm(transform / "LayerNorm", hidden, config.norm_epsilon))
          .layer(vocabulary_linear(predictions / "decoder", config, body.words(), &bias));
    }
    default:
      fail_no_head(config);
  }
}

}  // namespace

const Architecture kBert = {.model_type = "bert",
                            .class_prefix = "Bert",
                            .base_prefix = "bert",
                            .usual_task = Task::sequence_classification,
                            .defaults = [](ModelConfig&) {},
                            .keys = keys,
                            .make_body = make_body,
                            .make_head = make_head};

}  // namespace retort
