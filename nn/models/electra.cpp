// ELECTRA (Clark et al. 2020): BERT with narrower embeddings in its smaller sizes, without pooler.
#include "nn/encoder.h"
#include "nn/models/bert_family.h"
#include "nn/models/models.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

void defaults(ModelConfig& config) {
  config.embedding_size = 128;
  config.hidden_size = 256;
  config.heads = 4;
  config.intermediate_size = 1024;
}

void keys(ConfigKeys& keys, ModelConfig& config) {
  keys.size("embedding_size", config.embedding_size, kMostHidden);
  bert_keys(keys, config);
  classifier_dropout_key(keys, config);
}

std::unique_ptr<Body> make_body(const Scope& scope, const ModelConfig& config) {
  return std::make_unique<Encoder>(scope, config, "encoder.layer", kBertLayerNames,
                                   "embeddings_project");
}

Head make_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body) {
  switch (config.task) {
    case Task::sequence_classification:
      return two_layer_head(root, scope, config, gelu);
    case Task::token_classification:
      return token_head(root, scope, config);
    case Task::question_answering:
      return span_head(root, config);
    case Task::masked_lm: {
      const Scope predictions = root / "generator_predictions",
                  vocabulary = root / "generator_lm_head";
      const std::int64_t columns = config.embedding_columns();
      Parameter& bias = vocabulary.add("bias", {config.vocab_size}, Init::zeros, false);
      return Head(Pooling::tokens)
          .linear(predictions / "dense", config.hidden_size, columns)
          .then(gelu)
          .layer(LayerNorm(predictions / "LayerNorm", columns, config.norm_epsilon))
          .layer(vocabulary_linear(vocabulary, config, body.words(), &bias));
    }
    default:
      fail_no_head(config);
  }
}

// Tables are as wide as the layers where there is no projection.
Axis table_columns(const ModelConfig& config) {
  return config.embedding_columns() == config.hidden_size ? Axis::stream : Axis::embedding;
}

void axes(Axes& axes, const ModelConfig& config) {
  const Axis columns = table_columns(config), words = axis_before_words(config, columns);
  encoder_axes(axes, kBertLayerNames, columns);
  axes.linear("embeddings_project", Axis::stream, columns);
  two_layer_head_axes(axes);
  axes.linear("generator_predictions.dense", words, Axis::stream);
  axes.vector("generator_predictions.LayerNorm", words);
  axes.linear("generator_lm_head", Axis::vocabulary, words);
}

void resize(ModelConfig& student, const ModelConfig& teacher) {
  if (table_columns(teacher) == Axis::stream) student.embedding_size = student.hidden_size;
  check(table_columns(student) == table_columns(teacher), "electra: with a hidden size of ",
        student.hidden_size,
        ", that of its embeddings, a student has no projection of them; choose another --hidden");
}

}  // namespace

const Architecture kElectra = {.model_type = "electra",
                               .class_prefix = "Electra",
                               .base_prefix = "electra",
                               .usual_task = Task::sequence_classification,
                               .defaults = defaults,
                               .keys = keys,
                               .make_body = make_body,
                               .make_head = make_head,
                               .layers = "encoder.layer",
                               .axes = axes,
                               .resize = resize};

}  // namespace retort
