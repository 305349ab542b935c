// RoBERTa (Liu et al. 2019) and XLM-RoBERTa (Conneau et al. 2020), which are the same: BERT whose
// positions begin behind the padding id, with other heads.
#include "nn/encoder.h"
#include "nn/models/bert_family.h"
#include "nn/models/models.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

void defaults(ModelConfig& config) {
  config.vocab_size = 50265;
  config.pad_token_id = 1;
}

void keys(ConfigKeys& keys, ModelConfig& config) {
  bert_keys(keys, config);
  classifier_dropout_key(keys, config);
  if (!keys.reading()) return;
  const std::int64_t pad = config.pad_token_id.value_or(-1);
  check(pad >= 0 && pad + 1 < config.max_positions, keys.file(),
        ": pad_token_id: positions begin behind it: expected a number from 0 to ",
        config.max_positions - 2, ", found ", pad);
  config.first_position = pad + 1;
}

std::unique_ptr<Body> make_body(const Scope& scope, const ModelConfig& config) {
  auto body = std::make_unique<Encoder>(scope, config, "encoder.layer", kBertLayerNames);
  add_unused_pooler(scope.of(Part::pooler) / "pooler.dense", config);
  return body;
}

Head make_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body) {
  switch (config.task) {
    case Task::sequence_classification:
      return two_layer_head(root, scope, config, tanh);
    case Task::token_classification:
      return token_head(root, scope, config);
    case Task::question_answering:
      return span_head(root, config);
    case Task::masked_lm: {
      const Scope lm = root / "lm_head";
      return Head(Pooling::tokens)
          .linear(lm / "dense", config.hidden_size, config.hidden_size)
          .then(gelu)
          .layer(LayerNorm(lm / "layer_norm", config.hidden_size, config.norm_epsilon))
          .layer(decoder_linear(lm, config, body));
    }
    default:
      fail_no_head(config);
  }
}

void axes(Axes& axes, const ModelConfig& config) {
  encoder_axes(axes, kBertLayerNames, Axis::stream);
  two_layer_head_axes(axes);
  axes.linear("pooler.dense", Axis::head, Axis::stream);
  const Axis words = axis_before_words(config, Axis::stream);
  axes.linear("lm_head.dense", words, Axis::stream);
  axes.vector("lm_head.layer_norm", words);
  vocabulary_axes(axes, "lm_head", "lm_head.decoder", words);
}

constexpr Architecture roberta(const char* model_type, const char* class_prefix) {
  return {.model_type = model_type,
          .class_prefix = class_prefix,
          .base_prefix = "roberta",
          .usual_task = Task::sequence_classification,
          .defaults = defaults,
          .keys = keys,
          .make_body = make_body,
          .make_head = make_head,
          .layers = "encoder.layer",
          .axes = axes};
}

}  // namespace

const Architecture kRoberta = roberta("roberta", "Roberta");
const Architecture kXlmRoberta = roberta("xlm-roberta", "XLMRoberta");

}  // namespace retort
