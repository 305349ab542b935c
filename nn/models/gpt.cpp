// GPT-2 (Radford et al. 2019) and GPT-Neo (Black et al. 2021): positions from a table, layer norms
// before each part. GPT-2 keeps its matrices transposed and queries, keys and values in one;
// GPT-Neo doesn't scale scores, and every other layer sees a window.
#include <optional>

#include "nn/layers.h"
#include "nn/models/models.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::int64_t kParts = 3;  // queries, keys and values in one matrix

struct GptNeoConfig : FamilyConfig {
  std::int64_t window = 256;
  std::vector<bool> local;  // which layers have it; empty: every other one
};

// Whether layer `index`, from 0, has a window.
bool is_local(const GptNeoConfig& family, std::size_t index) {
  return family.local.empty() ? index % 2 != 0 : family.local[index];
}

// A linear layer, whose weight GPT-2 holds as [inputs, outputs].
class Projection {
 public:
  Projection(const Scope& scope, std::int64_t inputs, std::int64_t outputs, bool transposed)
      : transposed_(transposed),
        weight_(&scope.add("weight", transposed ? Shape{inputs, outputs} : Shape{outputs, inputs},
                           Init::normal, true)),
        bias_(&scope.add("bias", {outputs}, Init::zeros, false)) {}

  Variable operator()(const Variable& x) const {
    const Variable weight = transposed_ ? transpose(weight_->variable) : weight_->variable;
    return linear(x, weight, bias_->variable, product_with(*weight_));
  }

 private:
  bool transposed_;
  Parameter* weight_;
  Parameter* bias_;
};

// Queries, keys and values side by side: [tokens, 3 · hidden].
class QueriesKeysValues {
 public:
  QueriesKeysValues(const Scope& scope, std::int64_t hidden, bool neo) : hidden_(hidden) {
    if (!neo) {
      together_.emplace(scope / "attn.c_attn", hidden, kParts * hidden, true);
      return;
    }
    for (const char* part : {"q_proj", "k_proj", "v_proj"})
      apart_.emplace_back(scope / "attn.attention" / part, hidden, hidden, false);
  }
  Variables operator()(const Variable& x) const {
    if (together_) return split((*together_)(x), {hidden_, hidden_, hidden_}, 1);
    return {apart_[0](x), apart_[1](x), apart_[2](x)};
  }

 private:
  std::int64_t hidden_;
  std::optional<Projection> together_;
  std::vector<Linear> apart_;
};

class GptLayer {
 public:
  GptLayer(const Scope& scope, const ModelConfig& config, bool neo, std::int64_t window)
      : heads_(config.heads),
        window_(window),
        unscaled_(neo),
        attention_norm_(scope / "ln_1", config.hidden_size, config.norm_epsilon),
        inputs_(scope, config.hidden_size, neo),
        output_(scope / (neo ? "attn.attention.out_proj" : "attn.c_proj"), config.hidden_size,
                config.hidden_size, !neo),
        feed_forward_norm_(scope / "ln_2", config.hidden_size, config.norm_epsilon),
        up_(scope / "mlp.c_fc", config.hidden_size, config.intermediate_size, !neo),
        down_(scope / "mlp.c_proj", config.intermediate_size, config.hidden_size, !neo),
        activation_(activation(config.activation)),
        attention_dropout_(scope, "attn.attn_dropout", config.attention_dropout),
        output_dropout_(scope, "attn.resid_dropout", config.hidden_dropout),
        down_dropout_(scope, "mlp.dropout", config.hidden_dropout) {}

  Variable operator()(const Variable& x, const Ragged& ragged, const Context& context,
                      const LayerTrace& trace) const {
    const Variables parts = inputs_(attention_norm_(x));
    const Variable mixed =
        trace.attention(parts[0], parts[1], parts[2], ragged,
                        {.heads = heads_,
                         .scale = unscaled_ ? std::optional<double>(1) : std::nullopt,
                         .causal = true,
                         .sliding_window = window_,
                         .dropout = attention_dropout_.rule(context)});
    const Variable attended = output_dropout_(output_(mixed), context, x);
    return down_dropout_(down_(activation_(up_(feed_forward_norm_(attended)))), context, attended);
  }

 private:
  std::int64_t heads_, window_;
  bool unscaled_;
  LayerNorm attention_norm_;
  QueriesKeysValues inputs_;
  Projection output_;
  LayerNorm feed_forward_norm_;
  Projection up_, down_;
  Activation activation_;
  Dropout attention_dropout_, output_dropout_, down_dropout_;
};

class GptBody : public Body {
 public:
  GptBody(const Scope& scope, const ModelConfig& config, bool neo)
      : words_(scope, "wte", config.vocab_size, config.hidden_size),
        positions_(scope, "wpe", config.max_positions, config.hidden_size),
        dropout_(scope, "drop", config.embedding_dropout),
        norm_(scope / "ln_f", config.hidden_size, config.norm_epsilon) {
    const auto family = config.family_as<GptNeoConfig>();
    for (std::int64_t i = 0; i < config.layers; ++i) {
      const bool local = neo && is_local(family, static_cast<std::size_t>(i));
      layers_.emplace_back(scope / "h" / std::to_string(i), config, neo, local ? family.window : 0);
    }
  }

  Variable forward(const Batch& batch, const Want& want, const Context& context,
                   Output& output) const override {
    const Variable embedded = dropout_(words_(batch.ids) + positions_(batch.positions), context);
    return run_layers(
        embedded, layers_.size(), want, want.logits, output,
        [&](const Variable& x, std::size_t i, const LayerTrace& trace) {
          const Variable y = layers_[i](x, batch.ragged, context, trace);
          return i + 1 == layers_.size() ? norm_(y) : y;
        },
        batch.cache);
  }
  Parameter& words() override { return words_.table(); }

 private:
  Embedding words_, positions_;
  Dropout dropout_;
  LayerNorm norm_;
  std::vector<GptLayer> layers_;
};

void defaults(ModelConfig& config) {
  config.vocab_size = 50257;
  config.activation = "gelu_new";
  config.max_positions = 1024;
  config.norm_epsilon = 1e-5;
  config.token_types = 0;
  config.pad_token_id = std::nullopt;
}

void neo_defaults(ModelConfig& config) {
  defaults(config);
  config.hidden_size = 2048;
  config.layers = 24;
  config.heads = 16;
  config.max_positions = 2048;
  config.hidden_dropout = config.attention_dropout = config.embedding_dropout = 0;
}

// The feed-forward part's size, of which null means four times the hidden size.
void inner_key(ConfigKeys& keys, ModelConfig& config, const char* key) {
  if (keys.reading()) config.intermediate_size = 4 * config.hidden_size;
  keys.size(key, config.intermediate_size, kMostIntermediate);
}

void gpt2_keys(ConfigKeys& keys, ModelConfig& config) {
  keys.size("n_embd", config.hidden_size, kMostHidden);
  keys.size("n_layer", config.layers, kMostLayers);
  keys.size("n_head", config.heads, kMostHeads);
  inner_key(keys, config, "n_inner");
  keys.activation("activation_function", config.activation);
  keys.size("n_positions", config.max_positions, kMostPositions);
  keys.number("layer_norm_epsilon", config.norm_epsilon, 0, 1);
  keys.probability("resid_pdrop", config.hidden_dropout);
  keys.probability("embd_pdrop", config.embedding_dropout);
  keys.probability("attn_pdrop", config.attention_dropout);
  keys.only("scale_attn_weights", true);
  keys.only("scale_attn_by_inverse_layer_idx", false);
  keys.only("add_cross_attention", false);
}

// attention_types: [[["global", "local"], 6]] says six times this pair of layers.
std::vector<bool> read_types(const ConfigKeys& keys, const ModelConfig& config) {
  std::vector<bool> local;
  const Json* found = keys.find("attention_types");
  if (!found) return local;
  const std::string what = keys.file() + ": attention_types";
  for (const Json& item : found->as_array(what)) {
    const auto& pair = item.as_array(what);
    check(pair.size() == 2, what, ": expected pairs of types and a number, found ", item.dump());
    const std::int64_t times = pair[1].as_integer(what);
    check(times >= 0 && times <= config.layers, what, ": expected a number from 0 to ",
          config.layers, ", found ", times);
    for (std::int64_t i = 0; i < times; ++i)
      for (const Json& type : pair[0].as_array(what)) {
        const std::string& text = type.as_string(what);
        check(text == "global" || text == "local", what, ": '", text,
              "' isn't supported; there are global and local");
        check(local.size() < static_cast<std::size_t>(config.layers), what,
              ": expected one type for each of ", config.layers, " layers, found more");
        local.push_back(text == "local");
      }
  }
  check(local.size() == static_cast<std::size_t>(config.layers), what,
        ": expected one type for each of ", config.layers, " layers, found ", local.size());
  return local;
}

void note_types(ConfigKeys& keys, const ModelConfig& config, const GptNeoConfig& family) {
  Json::Array types, layers;
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const char* type = is_local(family, static_cast<std::size_t>(i)) ? "local" : "global";
    types.push_back(Json::Array{Json::Array{type}, 1});
    layers.push_back(type);
  }
  keys.note("attention_types", std::move(types));
  keys.note("attention_layers", std::move(layers));
}

void neo_keys(ConfigKeys& keys, ModelConfig& config) {
  auto family = config.family_as<GptNeoConfig>();
  keys.size("hidden_size", config.hidden_size, kMostHidden);
  keys.size("num_layers", config.layers, kMostLayers);
  keys.size("num_heads", config.heads, kMostHeads);
  inner_key(keys, config, "intermediate_size");
  keys.activation("activation_function", config.activation);
  keys.size("max_position_embeddings", config.max_positions, kMostPositions);
  keys.number("layer_norm_epsilon", config.norm_epsilon, 0, 1);
  keys.probability("resid_dropout", config.hidden_dropout);
  keys.probability("embed_dropout", config.embedding_dropout);
  keys.probability("attention_dropout", config.attention_dropout);
  keys.probability("classifier_dropout", config.classifier_dropout);
  keys.size("window_size", family.window, kMostPositions);
  if (keys.reading()) family.local = read_types(keys, config);
  note_types(keys, config, family);
  config.family = std::make_shared<GptNeoConfig>(family);
}

std::unique_ptr<Body> gpt2_body(const Scope& scope, const ModelConfig& config) {
  return std::make_unique<GptBody>(scope, config, false);
}

std::unique_ptr<Body> neo_body(const Scope& scope, const ModelConfig& config) {
  return std::make_unique<GptBody>(scope, config, true);
}

Head make_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body) {
  switch (config.task) {
    case Task::causal_lm:
      return Head(Pooling::tokens)
          .layer(vocabulary_linear(root / "lm_head", config, body.words(), nullptr));
    case Task::sequence_classification:
      return Head(Pooling::last)
          .linear(root / "score", config.hidden_size, config.num_labels(), false);
    case Task::token_classification:
      return Head(Pooling::tokens)
          .dropout(scope, "classifier_dropout", config.classifier_dropout)
          .linear(root / "classifier", config.hidden_size, config.num_labels());
    default:
      fail_no_head(config);
  }
}

void keep_neo_layers(ModelConfig& config, const std::vector<int>& layers) {
  const auto before = config.family_as<GptNeoConfig>();
  auto own = std::make_shared<GptNeoConfig>(before);
  own->local.clear();
  for (const int layer : layers)
    own->local.push_back(is_local(before, static_cast<std::size_t>(layer - 1)));
  config.family = std::move(own);
}

void shared_axes(Axes& axes) {
  axes.linear("wte", Axis::vocabulary, Axis::stream);
  axes.linear("wpe", Axis::whole, Axis::stream);
  for (const char* norm : {"ln_1", "ln_2", "ln_f"}) axes.vector(norm, Axis::stream);
  axes.linear("lm_head", Axis::vocabulary, Axis::stream);
  axes.linear("score", Axis::whole, Axis::stream);
  axes.linear("classifier", Axis::whole, Axis::stream);
}

void gpt2_axes(Axes& axes, const ModelConfig&) {
  shared_axes(axes);
  axes.transposed("attn.c_attn", {Axis::queries, kParts}, Axis::stream);
  axes.transposed("attn.c_proj", Axis::stream, Axis::queries);
  axes.transposed("mlp.c_fc", Axis::feed_forward, Axis::stream);
  axes.transposed("mlp.c_proj", Axis::stream, Axis::feed_forward);
}

void neo_axes(Axes& axes, const ModelConfig&) {
  shared_axes(axes);
  for (const char* part : {"q_proj", "k_proj", "v_proj"})
    axes.linear(std::string("attn.attention.") + part, Axis::queries, Axis::stream);
  axes.linear("attn.attention.out_proj", Axis::stream, Axis::queries);
  axes.linear("mlp.c_fc", Axis::feed_forward, Axis::stream);
  axes.linear("mlp.c_proj", Axis::stream, Axis::feed_forward);
}

}  // namespace

const Architecture kGpt2 = {.model_type = "gpt2",
                            .class_prefix = "GPT2",
                            .base_prefix = "transformer",
                            .usual_task = Task::causal_lm,
                            .causal_lm_class = "GPT2LMHeadModel",
                            .defaults = defaults,
                            .keys = gpt2_keys,
                            .make_body = gpt2_body,
                            .make_head = make_head,
                            .layers = "h",
                            .axes = gpt2_axes};

const Architecture kGptNeo = {.model_type = "gpt_neo",
                              .class_prefix = "GPTNeo",
                              .base_prefix = "transformer",
                              .usual_task = Task::causal_lm,
                              .defaults = neo_defaults,
                              .keys = neo_keys,
                              .make_body = neo_body,
                              .make_head = make_head,
                              .layers = "h",
                              .keep_layers = keep_neo_layers,
                              .axes = neo_axes};

}  // namespace retort
