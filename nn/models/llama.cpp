// Llama 2 and 3 (Touvron et al. 2023; Grattafiori et al. 2024), which SmolLM is too, and Mistral
// (Jiang et al. 2023).
#include "nn/models/llama_family.h"
#include "nn/models/models.h"

namespace retort {
namespace {

void llama_defaults(ModelConfig& config) {
  config.vocab_size = 32000;
  config.hidden_size = 4096;
  config.intermediate_size = 11008;
  config.layers = config.heads = 32;
  config.activation = "silu";
  config.max_positions = 2048;
  config.norm_epsilon = 1e-6;
  config.attention_dropout = 0;
  config.token_types = 0;
  config.pad_token_id = std::nullopt;
  config.tie_word_embeddings = false;
}

void mistral_defaults(ModelConfig& config) {
  llama_defaults(config);
  config.intermediate_size = 14336;
  config.kv_heads = 8;
  config.max_positions = 4096 * 32;
}

void llama_own_keys(ConfigKeys& keys, ModelConfig& config) {
  auto family = config.family_as<LlamaFamilyConfig>();
  llama_keys(keys, config, "hidden_act");
  rope_keys(keys, family.rope, config.max_positions);
  keys.flag("attention_bias", family.attention_bias);
  family.output_bias = family.attention_bias;
  keys.flag("mlp_bias", family.feed_forward_bias);
  config.family = std::make_shared<LlamaFamilyConfig>(family);
}

void mistral_keys(ConfigKeys& keys, ModelConfig& config) {
  auto family = config.family_as<LlamaFamilyConfig>();
  if (keys.reading()) family.sliding_window = 4096;
  llama_keys(keys, config, "hidden_act");
  rope_keys(keys, family.rope, config.max_positions);
  sliding_window_key(keys, config, family.sliding_window);
  config.family = std::make_shared<LlamaFamilyConfig>(family);
}

std::unique_ptr<Body> make_body(const Scope& scope, const ModelConfig& config) {
  return llama_body(scope, config, {});
}

}  // namespace

const Architecture kLlama = {.model_type = "llama",
                             .class_prefix = "Llama",
                             .base_prefix = "model",
                             .usual_task = Task::causal_lm,
                             .defaults = llama_defaults,
                             .keys = llama_own_keys,
                             .make_body = make_body,
                             .make_head = llama_head,
                             .layers = "layers",
                             .keep_layers = keep_llama_layers,
                             .axes = llama_axes,
                             .resize = check_llama_sizes};

const Architecture kMistral = {.model_type = "mistral",
                               .class_prefix = "Mistral",
                               .base_prefix = "model",
                               .usual_task = Task::causal_lm,
                               .defaults = mistral_defaults,
                               .keys = mistral_keys,
                               .make_body = make_body,
                               .make_head = llama_head,
                               .layers = "layers",
                               .keep_layers = keep_llama_layers,
                               .axes = llama_axes};

}  // namespace retort
