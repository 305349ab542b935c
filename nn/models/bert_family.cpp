#include "nn/models/bert_family.h"

namespace retort {

void bert_keys(ConfigKeys& keys, ModelConfig& config) {
  keys.size("hidden_size", config.hidden_size, kMostHidden);
  keys.size("num_hidden_layers", config.layers, kMostLayers);
  keys.size("num_attention_heads", config.heads, kMostHeads);
  keys.size("intermediate_size", config.intermediate_size, kMostIntermediate);
  keys.activation("hidden_act", config.activation);
  keys.size("max_position_embeddings", config.max_positions, kMostPositions);
  keys.probability("hidden_dropout_prob", config.hidden_dropout);
  keys.probability("attention_probs_dropout_prob", config.attention_dropout);
  keys.size("type_vocab_size", config.token_types, kMostTypes);
  keys.number("layer_norm_eps", config.norm_epsilon, 0, 1);
  keys.only("position_embedding_type", "absolute");
  keys.only("is_decoder", false);
}

void classifier_dropout_key(ConfigKeys& keys, ModelConfig& config) {
  if (keys.reading()) config.classifier_dropout = config.hidden_dropout;
  keys.probability("classifier_dropout", config.classifier_dropout);
}

Head token_head(const Scope& root, const Scope& body, const ModelConfig& config) {
  return Head(Pooling::tokens)
      .dropout(body, "classifier_dropout", config.classifier_dropout)
      .linear(root / "classifier", config.hidden_size, config.num_labels());
}

Head span_head(const Scope& root, const ModelConfig& config) {
  return Head(Pooling::tokens).linear(root / "qa_outputs", config.hidden_size, kSpanEnds);
}

Linear decoder_linear(const Scope& owner, const ModelConfig& config, Body& body) {
  const Scope decoder = owner / "decoder";
  Parameter* bias = &owner.add("bias", {config.vocab_size}, Init::zeros, false);
  if (config.tie_word_embeddings) bias->aliases.push_back((decoder / "bias").name());
  else bias = &decoder.add("bias", {config.vocab_size}, Init::zeros, false);
  return vocabulary_linear(decoder, config, body.words(), bias);
}

void add_unused_pooler(const Scope& pooler, const ModelConfig& config) {
  if (is_bare(config.task)) Linear(pooler, config.hidden_size, config.hidden_size);
}

Head pooled_head(const Scope& root, const Scope& body, const Scope& pooler,
                 const ModelConfig& config) {
  return Head(Pooling::first)
      .linear(pooler, config.hidden_size, config.hidden_size)
      .then(tanh)
      .dropout(body, "classifier_dropout", config.classifier_dropout)
      .linear(root / "classifier", config.hidden_size, config.num_labels());
}

Head two_layer_head(const Scope& root, const Scope& body, const ModelConfig& config,
                    Activation activation) {
  const Scope classifier = root / "classifier";
  return Head(Pooling::first)
      .dropout(body, "classifier_dropout", config.classifier_dropout)
      .linear(classifier / "dense", config.hidden_size, config.hidden_size)
      .then(activation)
      .dropout(body, "classifier_dense_dropout", config.classifier_dropout)
      .linear(classifier / "out_proj", config.hidden_size, config.num_labels());
}

void pooled_head_axes(Axes& axes, const ModelConfig& config, std::string_view pooler) {
  axes.linear(pooler, Axis::head, Axis::stream);
  axes.linear("classifier", Axis::whole,
              config.task == Task::sequence_classification ? Axis::head : Axis::stream);
  axes.linear("qa_outputs", Axis::whole, Axis::stream);
}

void two_layer_head_axes(Axes& axes) {
  axes.linear("classifier.dense", Axis::head, Axis::stream);
  axes.linear("classifier.out_proj", Axis::whole, Axis::head);
  axes.linear("classifier", Axis::whole, Axis::stream);
  axes.linear("qa_outputs", Axis::whole, Axis::stream);
}

Axis axis_before_words(const ModelConfig& config, Axis embedding) {
  return config.tie_word_embeddings ? embedding : Axis::head;
}

void vocabulary_axes(Axes& axes, std::string_view owner, std::string_view decoder, Axis columns) {
  axes.vector(owner, Axis::vocabulary);
  axes.linear(decoder, Axis::vocabulary, columns);
}

}  // namespace retort
