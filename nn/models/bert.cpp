// BERT (Devlin et al. 2019) with the heads that transformers gives it.
#include "nn/encoder.h"
#include "nn/models/bert_family.h"
#include "nn/models/models.h"

namespace retort {
namespace {

void keys(ConfigKeys& keys, ModelConfig& config) {
  bert_keys(keys, config);
  classifier_dropout_key(keys, config);
}

std::unique_ptr<Body> make_body(const Scope& scope, const ModelConfig& config) {
  auto body = std::make_unique<Encoder>(scope, config, "encoder.layer", kBertLayerNames);
  add_unused_pooler(scope.of(Part::pooler) / "pooler.dense", config);
  return body;
}

Head make_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body) {
  switch (config.task) {
    case Task::sequence_classification:
      return pooled_head(root, scope, scope.of(Part::pooler) / "pooler.dense", config);
    case Task::token_classification:
      return token_head(root, scope, config);
    case Task::question_answering:
      return span_head(root, config);
    case Task::masked_lm: {
      const Scope predictions = root / "cls.predictions", transform = predictions / "transform";
      return Head(Pooling::tokens)
          .linear(transform / "dense", config.hidden_size, config.hidden_size)
          .then(activation(config.activation))
          .layer(LayerNorm(transform / "LayerNorm", config.hidden_size, config.norm_epsilon))
          .layer(decoder_linear(predictions, config, body));
    }
    default:
      fail_no_head(config);
  }
}

void axes(Axes& axes, const ModelConfig& config) {
  encoder_axes(axes, kBertLayerNames, Axis::stream);
  pooled_head_axes(axes, config, "pooler.dense");
  const Axis words = axis_before_words(config, Axis::stream);
  axes.linear("cls.predictions.transform.dense", words, Axis::stream);
  axes.vector("cls.predictions.transform.LayerNorm", words);
  vocabulary_axes(axes, "cls.predictions", "cls.predictions.decoder", words);
}

}  // namespace

const Architecture kBert = {.model_type = "bert",
                            .class_prefix = "Bert",
                            .base_prefix = "bert",
                            .usual_task = Task::sequence_classification,
                            .defaults = [](ModelConfig&) {},
                            .keys = keys,
                            .make_body = make_body,
                            .make_head = make_head,
                            .layers = "encoder.layer",
                            .axes = axes};

}  // namespace retort
