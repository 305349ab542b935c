// Gemma 2 and 3, text alone (Gemma Team 2024, 2025): layers that see everything between layers with
// a window; norms before and behind each part.
#include "nn/models/llama_family.h"
#include "nn/models/models.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::int64_t kMostScalar = 1'000'000;
constexpr double kMostCap = 1e6;

void defaults(ModelConfig& config) {
  config.vocab_size = 256000;
  config.hidden_size = 2304;
  config.intermediate_size = 9216;
  config.layers = 26;
  config.heads = 8;
  config.kv_heads = 4;
  config.head_dim = 256;
  config.activation = "gelu_pytorch_tanh";
  config.max_positions = 8192;
  config.norm_epsilon = 1e-6;
  config.attention_dropout = 0;
  config.token_types = 0;
  config.pad_token_id = 0;
  config.tie_word_embeddings = true;
}

void gemma3_defaults(ModelConfig& config) {
  defaults(config);
  config.vocab_size = 262208;
  config.max_positions = 131072;
}

// Of both: all but the rope. Every `pattern`-th layer sees everything.
void shared_keys(ConfigKeys& keys, ModelConfig& config, LlamaFamilyConfig& family,
                 std::int64_t pattern) {
  llama_keys(keys, config, "hidden_activation");
  keys.flag("attention_bias", family.attention_bias);
  family.output_bias = family.attention_bias;
  keys.only("use_bidirectional_attention", false);
  if (keys.reading()) {
    family.query_scalar = 256;
    family.sliding_window = 4096;
    family.sliding.clear();
    for (std::int64_t i = 0; i < config.layers; ++i)
      family.sliding.push_back((i + 1) % pattern != 0);
  }
  keys.size("query_pre_attn_scalar", family.query_scalar, kMostScalar);
  sliding_window_key(keys, config, family.sliding_window);
  layer_type_keys(keys, config, family.sliding);
}

// A soft cap, of which null means none and absence the default.
void cap_key(ConfigKeys& keys, const ModelConfig& config, const char* key, double& cap,
             double otherwise) {
  if (!keys.reading()) return keys.note(key, cap > 0 ? Json(cap) : Json());
  const Json* found = config.raw.find(key);
  cap = found ? 0 : otherwise;
  if (found && !found->is_null()) {
    keys.number(key, cap, 0, kMostCap);
    check(cap > 0, keys.file(), ": ", key, ": expected a number above 0 or null, found ", cap);
  }
}

void gemma2_keys(ConfigKeys& keys, ModelConfig& config) {
  auto family = config.family_as<LlamaFamilyConfig>();
  shared_keys(keys, config, family, 2);
  rope_keys(keys, family.rope, config.max_positions);
  cap_key(keys, config, "attn_logit_softcapping", family.attention_cap, 50);
  cap_key(keys, config, "final_logit_softcapping", family.logit_cap, 30);
  config.family = std::make_shared<LlamaFamilyConfig>(family);
}

// Layers with a window have a rope of their own: rope_parameters holds one for each type of layer,
// or rope_local_base_freq is its base.
void gemma3_rope_keys(ConfigKeys& keys, const ModelConfig& config, LlamaFamilyConfig& family) {
  constexpr double kMostTheta = 1e12;
  if (!keys.reading()) {
    const Rope local = family.sliding_rope.value_or(family.rope);
    Json both;
    both["full_attention"] = rope_parameters(family.rope);
    both["sliding_attention"] = rope_parameters(local);
    keys.note("rope_theta", family.rope.theta);
    keys.note("rope_local_base_freq", local.theta);
    keys.note("rope_scaling",
              family.rope.type == "default" ? Json() : rope_parameters(family.rope));
    return keys.note("rope_parameters", both);
  }
  Rope full{.theta = 1e6}, sliding{.theta = 1e4};
  full.original_positions = sliding.original_positions = config.max_positions;
  keys.number("rope_theta", full.theta, 1, kMostTheta);
  keys.number("rope_local_base_freq", sliding.theta, 1, kMostTheta);
  if (const Json* both = keys.find("rope_parameters")) {
    const std::string what = keys.file() + ": rope_parameters: ";
    if (const Json* found = both->find("full_attention"))
      full = read_rope(*found, what + "full_attention", full);
    if (const Json* found = both->find("sliding_attention"))
      sliding = read_rope(*found, what + "sliding_attention", sliding);
  }
  if (const Json* scaling = keys.find("rope_scaling"))
    full = read_rope(*scaling, keys.file() + ": rope_scaling", full);
  family.rope = full;
  family.sliding_rope = sliding;
}

void gemma3_keys(ConfigKeys& keys, ModelConfig& config) {
  auto family = config.family_as<LlamaFamilyConfig>();
  std::int64_t pattern = 6;
  if (keys.reading()) keys.size("sliding_window_pattern", pattern, kMostLayers);
  shared_keys(keys, config, family, pattern);
  gemma3_rope_keys(keys, config, family);
  cap_key(keys, config, "attn_logit_softcapping", family.attention_cap, 0);
  cap_key(keys, config, "final_logit_softcapping", family.logit_cap, 0);
  config.family = std::make_shared<LlamaFamilyConfig>(family);
}

}  // namespace

const Architecture kGemma2 = {.model_type = "gemma2",
                              .class_prefix = "Gemma2",
                              .base_prefix = "model",
                              .usual_task = Task::causal_lm,
                              .defaults = defaults,
                              .keys = gemma2_keys,
                              .make_body =
                                  [](const Scope& scope, const ModelConfig& config) {
                                    return llama_body(scope, config, {.gemma = true});
                                  },
                              .make_head = llama_head,
                              .layers = "layers",
                              .keep_layers = keep_llama_layers,
                              .axes = llama_axes,
                              .resize = check_llama_sizes};

const Architecture kGemma3 = {.model_type = "gemma3_text",
                              .class_prefix = "Gemma3Text",
                              .base_prefix = "model",
                              .usual_task = Task::causal_lm,
                              .causal_lm_class = "Gemma3ForCausalLM",
                              .defaults = gemma3_defaults,
                              .keys = gemma3_keys,
                              .make_body =
                                  [](const Scope& scope, const ModelConfig& config) {
                                    return llama_body(scope, config,
                                                      {.query_key_norms = true, .gemma = true});
                                  },
                              .make_head = llama_head,
                              .layers = "layers",
                              .keep_layers = keep_llama_layers,
                              .axes = llama_axes,
                              .resize = check_llama_sizes};

}  // namespace retort
