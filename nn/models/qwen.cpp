// Qwen 2 (Yang et al. 2024), whose queries, keys and values have biases, and Qwen 3 (Yang et al.
// 2025), which norms queries and keys.
#include "nn/models/llama_family.h"
#include "nn/models/models.h"

namespace retort {
namespace {

void qwen2_defaults(ModelConfig& config) {
  config.vocab_size = 151936;
  config.hidden_size = 4096;
  config.intermediate_size = 22016;
  config.layers = config.heads = config.kv_heads = 32;
  config.activation = "silu";
  config.max_positions = 32768;
  config.norm_epsilon = 1e-6;
  config.attention_dropout = 0;
  config.token_types = 0;
  config.pad_token_id = std::nullopt;
  config.tie_word_embeddings = false;
}

void qwen3_defaults(ModelConfig& config) {
  qwen2_defaults(config);
  config.head_dim = 128;
}

// Layers have a window from max_window_layers on, if use_sliding_window says so at all.
void window_keys(ConfigKeys& keys, const ModelConfig& config, LlamaFamilyConfig& family) {
  bool used = family.sliding_window > 0;
  keys.flag("use_sliding_window", used);
  if (keys.reading()) {
    std::int64_t first = 28;
    keys.size("max_window_layers", first, kMostLayers, 0);
    family.sliding_window = 4096;
    sliding_window_key(keys, config, family.sliding_window);
    if (!used) family.sliding_window = 0;
    family.sliding.clear();
    for (std::int64_t i = 0; i < config.layers; ++i)
      family.sliding.push_back(family.sliding_window > 0 && i >= first);
  } else {
    sliding_window_key(keys, config, family.sliding_window);
  }
  layer_type_keys(keys, config, family.sliding);
}

void qwen2_keys(ConfigKeys& keys, ModelConfig& config) {
  auto family = config.family_as<LlamaFamilyConfig>();
  llama_keys(keys, config, "hidden_act");
  rope_keys(keys, family.rope, config.max_positions);
  window_keys(keys, config, family);
  family.attention_bias = true;
  config.family = std::make_shared<LlamaFamilyConfig>(family);
}

void qwen3_keys(ConfigKeys& keys, ModelConfig& config) {
  auto family = config.family_as<LlamaFamilyConfig>();
  llama_keys(keys, config, "hidden_act");
  rope_keys(keys, family.rope, config.max_positions);
  window_keys(keys, config, family);
  keys.flag("attention_bias", family.attention_bias);
  family.output_bias = family.attention_bias;
  config.family = std::make_shared<LlamaFamilyConfig>(family);
}

}  // namespace

const Architecture kQwen2 = {
    .model_type = "qwen2",
    .class_prefix = "Qwen2",
    .base_prefix = "model",
    .usual_task = Task::causal_lm,
    .defaults = qwen2_defaults,
    .keys = qwen2_keys,
    .make_body = [](const Scope& scope,
                    const ModelConfig& config) { return llama_body(scope, config, {}); },
    .make_head = llama_head,
    .layers = "layers",
    .keep_layers = keep_llama_layers,
    .axes = llama_axes};

const Architecture kQwen3 = {.model_type = "qwen3",
                             .class_prefix = "Qwen3",
                             .base_prefix = "model",
                             .usual_task = Task::causal_lm,
                             .defaults = qwen3_defaults,
                             .keys = qwen3_keys,
                             .make_body =
                                 [](const Scope& scope, const ModelConfig& config) {
                                   return llama_body(scope, config, {.query_key_norms = true});
                                 },
                             .make_head = llama_head,
                             .layers = "layers",
                             .keep_layers = keep_llama_layers,
                             .axes = llama_axes};

}  // namespace retort
