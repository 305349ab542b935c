// Decoder: a small causal model to train from scratch. Its configuration is a few numbers, all of
// which have defaults; what they describe is a Llama, and so it is written, for transformers and
// llama.cpp.
#include "nn/models/models.h"

namespace retort {
namespace {

constexpr std::int64_t kMultiple = 64;  // of the feed-forward part's size

void defaults(ModelConfig& config) {
  kLlama.defaults(config);
  config.hidden_size = 256;
  config.layers = config.heads = 4;
  config.intermediate_size = 0;
  config.max_positions = 512;
  config.norm_epsilon = 1e-5;
  config.tie_word_embeddings = true;
}

// Llama's keys; feed-forward parts without a size have 8/3 of the hidden size, as many numbers as
// an ungated part of four times that.
void keys(ConfigKeys& keys, ModelConfig& config) {
  keys.size("hidden_size", config.hidden_size, kMostHidden);
  config.intermediate_size = (config.hidden_size * 8 / 3 + kMultiple - 1) / kMultiple * kMultiple;
  kLlama.keys(keys, config);
  config.model_type = kLlama.model_type;
}

}  // namespace

const Architecture kDecoder = {
    .model_type = "decoder",
    .class_prefix = "Llama",
    .base_prefix = "model",
    .usual_task = Task::causal_lm,
    .defaults = defaults,
    .keys = keys,
    .make_body = [](const Scope& scope,
                    const ModelConfig& config) { return kLlama.make_body(scope, config); },
    .make_head = [](const Scope& root, const Scope& scope, const ModelConfig& config,
                    Body& body) { return kLlama.make_head(root, scope, config, body); }};

}  // namespace retort
