#include "nn/models/llama_family.h"

#include <cmath>

#include "nn/layers.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr const char* kSliding = "sliding_attention";
constexpr const char* kFull = "full_attention";

// Positions as rotations, for the layers of one kind.
struct Positions {
  Tensor full, sliding;
};

class LlamaLayer {
 public:
  LlamaLayer(const Scope& scope, const ModelConfig& config, const LlamaFamilyConfig& family,
             const LlamaStyle& style, bool sliding)
      : heads_(config.heads),
        key_heads_(config.key_heads()),
        head_dim_(config.head_size()),
        sliding_(sliding),
        scale_(1 / std::sqrt(static_cast<double>(family.query_scalar > 0 ? family.query_scalar
                                                                         : head_dim_))),
        window_(sliding ? family.sliding_window : 0),
        cap_(family.attention_cap),
        query_(scope / "self_attn.q_proj", config.hidden_size, heads_ * head_dim_,
               family.attention_bias),
        key_(scope / "self_attn.k_proj", config.hidden_size, key_heads_ * head_dim_,
             family.attention_bias),
        value_(scope / "self_attn.v_proj", config.hidden_size, key_heads_ * head_dim_,
               family.attention_bias),
        output_(scope / "self_attn.o_proj", heads_ * head_dim_, config.hidden_size,
                family.output_bias),
        dropout_(scope, "self_attn.dropout", config.attention_dropout),
        gate_(scope / "mlp.gate_proj", config.hidden_size, config.intermediate_size,
              family.feed_forward_bias),
        up_(scope / "mlp.up_proj", config.hidden_size, config.intermediate_size,
            family.feed_forward_bias),
        down_(scope / "mlp.down_proj", config.intermediate_size, config.hidden_size,
              family.feed_forward_bias),
        activation_(activation(config.activation)),
        attention_norm_(scope / "input_layernorm", config.hidden_size, config.norm_epsilon,
                        style.gemma),
        middle_norm_(scope / "post_attention_layernorm", config.hidden_size, config.norm_epsilon,
                     style.gemma) {
    if (style.query_key_norms) {
      query_norm_.emplace(scope / "self_attn.q_norm", head_dim_, config.norm_epsilon, style.gemma);
      key_norm_.emplace(scope / "self_attn.k_norm", head_dim_, config.norm_epsilon, style.gemma);
    }
    if (style.gemma) {
      before_norm_.emplace(scope / "pre_feedforward_layernorm", config.hidden_size,
                           config.norm_epsilon, true);
      after_norm_.emplace(scope / "post_feedforward_layernorm", config.hidden_size,
                          config.norm_epsilon, true);
    }
  }

  Variable operator()(const Variable& x, const Ragged& ragged, const Positions& positions,
                      const Context& context, const LayerTrace& trace) const {
    const Variable attended = x + attend(x, ragged, positions, context, trace);
    if (!before_norm_) return attended + feed_forward(middle_norm_(attended));
    return attended + (*after_norm_)(feed_forward((*before_norm_)(attended)));
  }

 private:
  Variable attend(const Variable& x, const Ragged& ragged, const Positions& positions,
                  const Context& context, const LayerTrace& trace) const {
    const Tensor& turns = sliding_ ? positions.sliding : positions.full;
    const Variable normed = attention_norm_(x);
    const Variable q = rotary(by_heads(query_norm_, query_(normed)), turns, heads_);
    const Variable k = rotary(by_heads(key_norm_, key_(normed)), turns, key_heads_);
    const Variable mixed = output_(trace.attention(q, k, value_(normed), ragged,
                                                   {.heads = heads_,
                                                    .key_heads = key_heads_,
                                                    .scale = scale_,
                                                    .causal = true,
                                                    .sliding_window = window_,
                                                    .soft_cap = cap_,
                                                    .dropout = dropout_.rule(context)}));
    return before_norm_ ? middle_norm_(mixed) : mixed;
  }
  // The norm of each head, if there is one.
  Variable by_heads(const std::optional<RmsNorm>& norm, const Variable& x) const {
    if (!norm) return x;
    const std::int64_t rows = x.shape()[0], columns = x.shape()[1];
    return reshape((*norm)(reshape(x, {-1, head_dim_})), {rows, columns});
  }
  Variable feed_forward(const Variable& x) const {
    return in_slices(x, [this](const Variable& rows) {
      Variable wide = activation_(gate_(rows));  // a statement of its own: what gate_ made is freed
      wide = wide * up_(rows);
      return down_(wide);
    });
  }

  std::int64_t heads_, key_heads_, head_dim_;
  bool sliding_;
  double scale_;
  std::int64_t window_;
  double cap_;
  Linear query_, key_, value_, output_;
  Dropout dropout_;
  Linear gate_, up_, down_;
  Activation activation_;
  RmsNorm attention_norm_, middle_norm_;
  std::optional<RmsNorm> query_norm_, key_norm_, before_norm_, after_norm_;
};

class LlamaBody : public Body {
 public:
  LlamaBody(const Scope& scope, const ModelConfig& config, const LlamaStyle& style)
      : words_(scope, "embed_tokens", config.vocab_size, config.hidden_size),
        word_scale_(style.gemma ? std::sqrt(static_cast<double>(config.hidden_size)) : 1),
        norm_(scope / "norm", config.hidden_size, config.norm_epsilon, style.gemma) {
    const auto family = config.family_as<LlamaFamilyConfig>();
    frequencies_ = rope_frequencies(family.rope, config.head_size());
    if (family.sliding_rope)
      sliding_frequencies_ = rope_frequencies(*family.sliding_rope, config.head_size());
    for (std::int64_t i = 0; i < config.layers; ++i) {
      const bool sliding = family.sliding_window > 0 &&
                           (family.sliding.empty() || family.sliding[static_cast<std::size_t>(i)]);
      layers_.emplace_back(scope / "layers" / std::to_string(i), config, family, style, sliding);
    }
  }

  Variable forward(const Batch& batch, const Want& want, const Context& context,
                   Output& output) const override {
    Positions positions;
    positions.full = positions.sliding = ops::rotary_table(batch.positions, frequencies_);
    if (sliding_frequencies_.defined())
      positions.sliding = ops::rotary_table(batch.positions, sliding_frequencies_);
    Variable words = words_(batch.ids);
    if (word_scale_ != 1) words = words * word_scale_;
    return run_layers(
        words, layers_.size(), want, want.logits, output,
        [&](const Variable& x, std::size_t i, const LayerTrace& trace) {
          const Variable y = layers_[i](x, batch.ragged, positions, context, trace);
          return i + 1 == layers_.size() ? norm_(y) : y;
        },
        batch.cache);
  }
  Parameter& words() override { return words_.table(); }

 private:
  Embedding words_;
  double word_scale_;
  RmsNorm norm_;
  Tensor frequencies_, sliding_frequencies_;
  std::vector<LlamaLayer> layers_;
};

}  // namespace

void llama_keys(ConfigKeys& keys, ModelConfig& config, const char* activation) {
  keys.size("hidden_size", config.hidden_size, kMostHidden);
  keys.size("intermediate_size", config.intermediate_size, kMostIntermediate);
  keys.size("num_hidden_layers", config.layers, kMostLayers);
  keys.size("num_attention_heads", config.heads, kMostHeads);
  std::int64_t key_heads = config.key_heads(), head_dim = config.head_size();
  keys.size("num_key_value_heads", key_heads, kMostHeads);
  keys.size("head_dim", head_dim, kMostHidden);
  if (keys.reading()) {
    check(head_dim % 2 == 0, keys.file(), ": head_dim: expected an even number, found ", head_dim);
    config.kv_heads = key_heads;
    config.head_dim = head_dim;
  }
  keys.activation(activation, config.activation);
  keys.size("max_position_embeddings", config.max_positions, kMostPositions);
  keys.number("rms_norm_eps", config.norm_epsilon, 0, 1);
  keys.probability("attention_dropout", config.attention_dropout);
}

void sliding_window_key(ConfigKeys& keys, const ModelConfig& config, std::int64_t& window) {
  if (!keys.reading()) {
    keys.note("sliding_window", window > 0 ? Json(window) : Json());
    return;
  }
  const Json* found = config.raw.find("sliding_window");
  if (found && found->is_null()) window = 0;
  else keys.size("sliding_window", window, kMostPositions);
}

void layer_type_keys(ConfigKeys& keys, const ModelConfig& config, std::vector<bool>& sliding) {
  if (!keys.reading()) {
    if (sliding.empty()) return;
    Json::Array types;
    for (const bool slides : sliding) types.push_back(slides ? kSliding : kFull);
    keys.note("layer_types", std::move(types));
    return;
  }
  const Json* found = keys.find("layer_types");
  if (!found) return;
  const std::string what = keys.file() + ": layer_types";
  const auto& types = found->as_array(what);
  check(types.size() == static_cast<std::size_t>(config.layers), what,
        ": expected one for each of ", config.layers, " layers, found ", types.size());
  sliding.clear();
  for (const Json& type : types) {
    const std::string& text = type.as_string(what);
    check(text == kSliding || text == kFull, what, ": '", text, "' isn't supported; there are ",
          kFull, " and ", kSliding);
    sliding.push_back(text == kSliding);
  }
}

std::unique_ptr<Body> llama_body(const Scope& scope, const ModelConfig& config,
                                 const LlamaStyle& style) {
  return std::make_unique<LlamaBody>(scope, config, style);
}

void keep_llama_layers(ModelConfig& config, const std::vector<int>& layers) {
  const auto before = config.family_as<LlamaFamilyConfig>();
  if (before.sliding.empty()) return;
  auto own = std::make_shared<LlamaFamilyConfig>(before);
  own->sliding.clear();
  for (const int layer : layers)
    own->sliding.push_back(before.sliding[static_cast<std::size_t>(layer - 1)]);
  config.family = std::move(own);
}

Head llama_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body) {
  switch (config.task) {
    case Task::causal_lm: {
      Head head(Pooling::tokens);
      head.layer(vocabulary_linear(root / "lm_head", config, body.words(), nullptr));
      if (const double cap = config.family_as<LlamaFamilyConfig>().logit_cap; cap > 0)
        head.then([cap](const Variable& x, const Context&) { return tanh(x * (1 / cap)) * cap; });
      return head;
    }
    case Task::sequence_classification:
      return Head(Pooling::last)
          .linear(root / "score", config.hidden_size, config.num_labels(), false);
    case Task::token_classification:
      return Head(Pooling::tokens)
          .dropout(scope, "classifier_dropout", config.classifier_dropout)
          .linear(root / "score", config.hidden_size, config.num_labels());
    default:
      fail_no_head(config);
  }
}

void check_llama_sizes(ModelConfig& student, const ModelConfig&) {
  check(student.hidden_size % student.heads == 0, student.model_type, ": transformers takes none ",
        "whose hidden size, ", student.hidden_size, ", isn't a multiple of its ", student.heads,
        " heads; choose another --hidden or --heads");
}

void llama_axes(Axes& axes, const ModelConfig&) {
  axes.heads_are_free();
  axes.linear("embed_tokens", Axis::vocabulary, Axis::stream);
  axes.linear("self_attn.q_proj", Axis::queries, Axis::stream);
  axes.linear("self_attn.k_proj", Axis::keys, Axis::stream);
  axes.linear("self_attn.v_proj", Axis::keys, Axis::stream);
  axes.linear("self_attn.o_proj", Axis::stream, Axis::queries);
  axes.vector("self_attn.q_norm", Axis::whole);
  axes.vector("self_attn.k_norm", Axis::whole);
  axes.linear("mlp.gate_proj", Axis::feed_forward, Axis::stream);
  axes.linear("mlp.up_proj", Axis::feed_forward, Axis::stream);
  axes.linear("mlp.down_proj", Axis::stream, Axis::feed_forward);
  for (const char* norm : {"input_layernorm", "post_attention_layernorm",
                           "pre_feedforward_layernorm", "post_feedforward_layernorm", "norm"})
    axes.vector(norm, Axis::stream);
  axes.linear("lm_head", Axis::vocabulary, Axis::stream);
  axes.linear("score", Axis::whole, Axis::stream);
}

}  // namespace retort
