// What BERT and its relatives have in common: the keys of their configurations, and most of their
// heads.
#pragma once

#include "nn/architecture.h"

namespace retort {

/// BERT's keys of config.json but the classifier's dropout.
void bert_keys(ConfigKeys& keys, ModelConfig& config);
/// That one; without it the classifier drops as hidden states do.
void classifier_dropout_key(ConfigKeys& keys, ModelConfig& config);

/// Dropout and a linear layer on every token, as all of them classify tokens.
Head token_head(const Scope& root, const Scope& body, const ModelConfig& config);
/// A linear layer on every token, for the ends of spans.
Head span_head(const Scope& root, const ModelConfig& config);

/// The end of a masked-LM head, with parameters at `owner`: products with the table of words, and a
/// bias, `owner`.bias. Without tied tables transformers uses `owner`.decoder.bias and keeps the
/// other, unused.
Linear decoder_linear(const Scope& owner, const ModelConfig& config, Body& body);

/// A body alone has the pooler at `pooler`, too: nothing uses it, but transformers saves it.
void add_unused_pooler(const Scope& pooler, const ModelConfig& config);
/// [CLS] through BERT's pooler (a linear layer, tanh), with parameters at `pooler`, dropout and a
/// linear layer.
Head pooled_head(const Scope& root, const Scope& body, const Scope& pooler,
                 const ModelConfig& config);
/// [CLS] through a classifier of two layers, with dropout before each (RoBERTa, ELECTRA).
Head two_layer_head(const Scope& root, const Scope& body, const ModelConfig& config,
                    Activation activation);

// Axes of those heads' parameters.
/// pooled_head (`pooler`: its parameters' name), token_head and span_head.
void pooled_head_axes(Axes& axes, const ModelConfig& config, std::string_view pooler);
/// two_layer_head, token_head and span_head.
void two_layer_head_axes(Axes& axes);
/// The axis of what is multiplied with a table of words whose columns are `embedding`: a masked-LM
/// head's own unless the table is the body's.
Axis axis_before_words(const ModelConfig& config, Axis embedding);
/// A bias `owner`.bias of words, and `decoder`, the table where it isn't the body's.
void vocabulary_axes(Axes& axes, std::string_view owner, std::string_view decoder, Axis columns);

}  // namespace retort
