// The decoder that Llama and its relatives share (Touvron et al. 2023): RMS norms before each part,
// rotary positions, grouped heads, a gated feed-forward part, and one set of names. They differ in
// which norms and biases there are and in what their layers see.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/architecture.h"
#include "nn/rope.h"

namespace retort {

/// What configurations of the family say beyond ModelConfig.
struct LlamaFamilyConfig : FamilyConfig {
  Rope rope;
  std::optional<Rope> sliding_rope;  ///< of layers with a window, where it is another (Gemma 3)
  std::int64_t sliding_window = 0;   ///< 0: none
  std::vector<bool> sliding;         ///< which layers have it; empty: all of them
  bool attention_bias = false;       ///< of queries, keys and values
  bool output_bias = false;          ///< of attention's output
  bool feed_forward_bias = false;
  /// Products of queries and keys are divided by its root; 0: head_dim.
  std::int64_t query_scalar = 0;
  double attention_cap = 0;  ///< soft caps of scores and logits; 0: none
  double logit_cap = 0;
};

/// What an architecture has whatever its configuration says.
struct LlamaStyle {
  bool query_key_norms = false;  ///< of each head (Qwen 3, Gemma 3)
  /// Gemma's: norms with 1 + weight, also behind attention and feed-forward part; words times
  /// √hidden.
  bool gemma = false;
};

// The keys that all have, in the order in which they depend on each other; `activation` is the key
// of the activation function.
void llama_keys(ConfigKeys& keys, ModelConfig& config, const char* activation);
/// layer_types: "sliding_attention" or "full_attention" for each layer. Where the file has none,
/// `sliding` stays; where that is empty, none are written.
void layer_type_keys(ConfigKeys& keys, const ModelConfig& config, std::vector<bool>& sliding);
/// sliding_window, of which null means none and absence the default.
void sliding_window_key(ConfigKeys& keys, const ModelConfig& config, std::int64_t& window);

std::unique_ptr<Body> llama_body(const Scope& scope, const ModelConfig& config,
                                 const LlamaStyle& style);
/// Architecture::keep_layers: which of them have a window.
void keep_llama_layers(ModelConfig& config, const std::vector<int>& layers);
/// Causal language model, sequence classification (the last token) and token classification.
Head llama_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body);
/// Architecture::resize, where transformers wants heads to divide the hidden size even though they
/// have a size of their own.
void check_llama_sizes(ModelConfig& student, const ModelConfig& teacher);
/// Architecture::axes.
void llama_axes(Axes& axes, const ModelConfig& config);

}  // namespace retort
