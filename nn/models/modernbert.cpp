// ModernBERT (Warner et al. 2024): norms before each part, rotated queries and keys, layers that
// see their surroundings only between layers that see everything, gated feed-forward networks,
// hardly any biases.
#include <cmath>
#include <optional>

#include "nn/architecture.h"
#include "nn/models/models.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr const char* kGlobal = "full_attention";
constexpr const char* kLocal = "sliding_attention";

struct ModernBertConfig : FamilyConfig {
  std::vector<bool> local_layers;  ///< by layer; empty: the first of three is global
  std::int64_t window = 128;       ///< of local layers: as many positions, half on each side
  double global_theta = 160000, local_theta = 10000;  ///< of the rotation
  bool attention_bias = false, mlp_bias = false, norm_bias = false;
  bool decoder_bias = true, classifier_bias = false;
  std::string classifier_activation = "gelu", classifier_pooling = "cls";

  bool is_local(std::size_t layer) const {
    return local_layers.empty() ? layer % 3 != 0 : local_layers[layer];
  }
};

// cos and sin of positions for one base, as rotary() takes them.
Tensor rotation(const Batch& batch, std::int64_t head_dim, double theta) {
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < head_dim; i += 2)
    frequencies.push_back(std::pow(theta, -static_cast<double>(i) / static_cast<double>(head_dim)));
  return ops::rotary_table(batch.positions, Tensor::from(frequencies));
}

class ModernBertLayer {
 public:
  ModernBertLayer(const Scope& scope, const ModelConfig& config, const ModernBertConfig& own,
                  std::size_t layer)
      : heads_(config.heads),
        hidden_(config.hidden_size),
        intermediate_size_(config.intermediate_size),
        window_(own.is_local(layer) ? own.window : 0),
        qkv_(scope / "attn.Wqkv", hidden_, 3 * hidden_, own.attention_bias),
        attention_output_(scope / "attn.Wo", hidden_, hidden_, own.attention_bias),
        mlp_norm_(scope / "mlp_norm", hidden_, config.norm_epsilon, own.norm_bias),
        intermediate_(scope / "mlp.Wi", hidden_, 2 * intermediate_size_, own.mlp_bias),
        output_(scope / "mlp.Wo", intermediate_size_, hidden_, own.mlp_bias),
        attention_dropout_(scope, "attention.dropout", config.attention_dropout),
        attention_output_dropout_(scope, "attention.output.dropout", config.attention_dropout),
        mlp_dropout_(scope, "mlp.dropout", config.hidden_dropout),
        activation_(activation(config.activation)) {
    if (layer > 0)
      attention_norm_.emplace(scope / "attn_norm", hidden_, config.norm_epsilon, own.norm_bias);
  }

  bool is_local() const { return window_ > 0; }

  Variable operator()(const Variable& x, const Batch& batch, const Tensor& table,
                      const Context& context, const LayerTrace& trace) const {
    const Variable qkv = qkv_(attention_norm_ ? (*attention_norm_)(x) : x);
    const auto part = [&](std::int64_t i) { return slice(qkv, 1, i * hidden_, (i + 1) * hidden_); };
    const Variable mixed = trace.attention(
        rotary(part(0), table, heads_), rotary(part(1), table, heads_), part(2), batch.ragged,
        {.heads = heads_, .local_window = window_, .dropout = attention_dropout_.rule(context)});
    const Variable attended = attention_output_dropout_(attention_output_(mixed), context, x);
    const Variable wide = intermediate_(mlp_norm_(attended));
    const Variable gated = activation_(slice(wide, 1, 0, intermediate_size_)) *
                           slice(wide, 1, intermediate_size_, 2 * intermediate_size_);
    return attended + output_(mlp_dropout_(gated, context));
  }

 private:
  std::int64_t heads_, hidden_, intermediate_size_, window_;
  std::optional<LayerNorm> attention_norm_;  // not in the first layer: embeddings are normalised
  Linear qkv_, attention_output_;
  LayerNorm mlp_norm_;
  Linear intermediate_, output_;
  Dropout attention_dropout_, attention_output_dropout_, mlp_dropout_;
  Activation activation_;
};

class ModernBert : public Body {
 public:
  ModernBert(const Scope& scope, const ModelConfig& config)
      : own_(config.family_as<ModernBertConfig>()),
        head_dim_(config.head_size()),
        words_(scope / "embeddings", "tok_embeddings", config.vocab_size, config.hidden_size),
        embedding_norm_(scope / "embeddings.norm", config.hidden_size, config.norm_epsilon,
                        own_.norm_bias),
        embedding_dropout_(scope / "embeddings", "dropout", config.embedding_dropout),
        final_norm_(scope / "final_norm", config.hidden_size, config.norm_epsilon, own_.norm_bias) {
    for (std::int64_t i = 0; i < config.layers; ++i)
      layers_.emplace_back(scope / "layers" / std::to_string(i), config, own_,
                           static_cast<std::size_t>(i));
  }

  Variable forward(const Batch& batch, const Want& want, const Context& context,
                   Output& output) const override {
    const Tensor global = rotation(batch, head_dim_, own_.global_theta),
                 local = rotation(batch, head_dim_, own_.local_theta);
    const Variable embedded = embedding_dropout_(embedding_norm_(words_(batch.ids)), context);
    return run_layers(embedded, layers_.size(), want, want.logits, output,
                      [&](const Variable& x, std::size_t i, const LayerTrace& trace) {
                        const ModernBertLayer& layer = layers_[i];
                        const Variable y =
                            layer(x, batch, layer.is_local() ? local : global, context, trace);
                        return i + 1 == layers_.size() ? final_norm_(y) : y;
                      });
  }
  Parameter& words() override { return words_.table(); }

 private:
  ModernBertConfig own_;
  std::int64_t head_dim_;
  Embedding words_;
  LayerNorm embedding_norm_;
  Dropout embedding_dropout_;
  LayerNorm final_norm_;
  std::vector<ModernBertLayer> layers_;
};

void defaults(ModelConfig& config) {
  config.vocab_size = 50368;
  config.layers = 22;
  config.intermediate_size = 1152;
  config.max_positions = 8192;
  config.token_types = 0;
  config.norm_epsilon = 1e-5;
  config.pad_token_id = 50283;
  config.embedding_dropout = config.hidden_dropout = config.attention_dropout =
      config.classifier_dropout = 0;
}

// Newer files list every layer, older ones say how many of them make a group.
std::vector<bool> read_layers(const ConfigKeys& keys, const ModelConfig& config) {
  std::vector<bool> local;
  if (const Json* types = keys.find("layer_types")) {
    const std::string what = keys.file() + ": layer_types";
    for (const Json& type : types->as_array(what)) {
      const std::string& text = type.as_string(what);
      check(text == kGlobal || text == kLocal, what, ": expected ", kGlobal, " or ", kLocal,
            ", found '", text, "'");
      local.push_back(text == kLocal);
    }
    check(local.size() == static_cast<std::size_t>(config.layers), what, ": expected ",
          config.layers, " of them, found ", local.size());
    return local;
  }
  std::int64_t group = 3;
  ConfigKeys(keys).size("global_attn_every_n_layers", group, kMostLayers);
  for (std::int64_t i = 0; i < config.layers; ++i) local.push_back(i % group != 0);
  return local;
}

// Newer files keep the bases in an object by kind of layer, older ones as numbers.
double read_theta(const ConfigKeys& keys, const char* kind, const char* old_key, double otherwise) {
  constexpr double kMost = 1e12;
  ConfigKeys(keys).number(old_key, otherwise, 1, kMost);
  const Json* all = keys.find("rope_parameters");
  const Json* rope = all ? all->find(kind) : nullptr;
  if (!rope || rope->is_null()) return otherwise;
  ConfigKeys own(*rope, keys.file() + ": rope_parameters: " + kind);
  own.only("rope_type", "default");
  own.number("rope_theta", otherwise, 1, kMost);
  return otherwise;
}

void keys(ConfigKeys& keys, ModelConfig& config) {
  auto own = std::make_shared<ModernBertConfig>(config.family_as<ModernBertConfig>());
  keys.size("hidden_size", config.hidden_size, kMostHidden);
  keys.size("num_hidden_layers", config.layers, kMostLayers);
  keys.size("num_attention_heads", config.heads, kMostHeads);
  keys.size("intermediate_size", config.intermediate_size, kMostIntermediate);
  keys.activation("hidden_activation", config.activation);
  keys.size("max_position_embeddings", config.max_positions, kMostPositions);
  keys.number("norm_eps", config.norm_epsilon, 0, 1);
  keys.probability("embedding_dropout", config.embedding_dropout);
  keys.probability("attention_dropout", config.attention_dropout);
  keys.probability("mlp_dropout", config.hidden_dropout);
  keys.probability("classifier_dropout", config.classifier_dropout);
  keys.flag("attention_bias", own->attention_bias);
  keys.flag("mlp_bias", own->mlp_bias);
  keys.flag("norm_bias", own->norm_bias);
  keys.flag("decoder_bias", own->decoder_bias);
  keys.flag("classifier_bias", own->classifier_bias);
  keys.activation("classifier_activation", own->classifier_activation);
  keys.text("classifier_pooling", own->classifier_pooling);
  keys.size("local_attention", own->window, kMostPositions, 2);
  if (keys.reading()) {
    check(own->classifier_pooling == "cls" || own->classifier_pooling == "mean", keys.file(),
          ": classifier_pooling: expected cls or mean, found '", own->classifier_pooling, "'");
    check(config.hidden_size % (2 * config.heads) == 0, keys.file(), ": hidden_size ",
          config.hidden_size, " doesn't divide into ", config.heads, " heads of an even size");
    own->local_layers = read_layers(keys, config);
    own->global_theta = read_theta(keys, kGlobal, "global_rope_theta", own->global_theta);
    own->local_theta = read_theta(keys, kLocal, "local_rope_theta", own->local_theta);
  } else {
    Json types = Json::Array{}, rope;
    for (std::int64_t i = 0; i < config.layers; ++i)
      types.push_back(own->is_local(static_cast<std::size_t>(i)) ? kLocal : kGlobal);
    for (const auto& [kind, theta] :
         {std::pair{kGlobal, own->global_theta}, std::pair{kLocal, own->local_theta}}) {
      rope[kind]["rope_type"] = "default";
      rope[kind]["rope_theta"] = theta;
    }
    keys.note("layer_types", types);
    keys.note("rope_parameters", rope);
  }
  config.family = std::move(own);
}

std::unique_ptr<Body> make_body(const Scope& scope, const ModelConfig& config) {
  return std::make_unique<ModernBert>(scope, config);
}

Head make_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body) {
  const auto own = config.family_as<ModernBertConfig>();
  const std::int64_t hidden = config.hidden_size;
  // Dense layer, activation, norm: every head begins with them.
  const auto begin = [&](Pooling pooling) {
    return Head(pooling)
        .linear(root / "head.dense", hidden, hidden, own.classifier_bias)
        .then(activation(own.classifier_activation))
        .layer(LayerNorm(root / "head.norm", hidden, config.norm_epsilon, own.norm_bias));
  };
  const auto classifier = [&](Pooling pooling, std::int64_t outputs) {
    return begin(pooling)
        .dropout(scope, "classifier_dropout", config.classifier_dropout)
        .linear(root / "classifier", hidden, outputs);
  };
  switch (config.task) {
    case Task::sequence_classification:
      return classifier(own.classifier_pooling == "mean" ? Pooling::mean : Pooling::first,
                        config.num_labels());
    case Task::token_classification:
      return classifier(Pooling::tokens, config.num_labels());
    case Task::question_answering:
      return classifier(Pooling::tokens, kSpanEnds);
    case Task::masked_lm: {
      const Scope decoder = root / "decoder";
      Parameter* bias = own.decoder_bias
                            ? &decoder.add("bias", {config.vocab_size}, Init::zeros, false)
                            : nullptr;
      return begin(Pooling::tokens).layer(vocabulary_linear(decoder, config, body.words(), bias));
    }
    default:
      fail_no_head(config);
  }
}

void keep_layers(ModelConfig& config, const std::vector<int>& layers) {
  check(layers.front() == 1,
        "modernbert: the first layer has no norm before its attention, the others have one: ",
        "expected layer 1 first, found layer ", layers.front());
  const auto before = config.family_as<ModernBertConfig>();
  auto own = std::make_shared<ModernBertConfig>(before);
  own->local_layers.clear();
  for (const int layer : layers)
    own->local_layers.push_back(before.is_local(static_cast<std::size_t>(layer - 1)));
  config.family = std::move(own);
}

void axes(Axes& axes, const ModelConfig& config) {
  axes.linear("embeddings.tok_embeddings", Axis::vocabulary, Axis::stream);
  axes.vector("embeddings.norm", Axis::stream);
  axes.vector("attn_norm", Axis::stream);
  axes.linear("attn.Wqkv", {Axis::queries, 3}, Axis::stream);
  axes.linear("attn.Wo", Axis::stream, Axis::queries);
  axes.vector("mlp_norm", Axis::stream);
  axes.linear("mlp.Wi", {Axis::feed_forward, 2}, Axis::stream);
  axes.linear("mlp.Wo", Axis::stream, Axis::feed_forward);
  axes.vector("final_norm", Axis::stream);
  const bool before_words = config.task == Task::masked_lm && config.tie_word_embeddings;
  const Axis head = before_words ? Axis::stream : Axis::head;
  axes.linear("head.dense", head, Axis::stream);
  axes.vector("head.norm", head);
  axes.linear("decoder", Axis::vocabulary, head);
  axes.linear("classifier", Axis::whole, Axis::head);
}

bool set_pooling(ModelConfig& config, Pooling pooling) {
  if (pooling != Pooling::first && pooling != Pooling::mean) return false;
  auto own = std::make_shared<ModernBertConfig>(config.family_as<ModernBertConfig>());
  own->classifier_pooling = pooling == Pooling::mean ? "mean" : "cls";
  config.family = std::move(own);
  return true;
}

}  // namespace

const Architecture kModernBert = {.model_type = "modernbert",
                                  .class_prefix = "ModernBert",
                                  .base_prefix = "model",
                                  .usual_task = Task::sequence_classification,
                                  .defaults = defaults,
                                  .keys = keys,
                                  .make_body = make_body,
                                  .make_head = make_head,
                                  .layers = "layers",
                                  .keep_layers = keep_layers,
                                  .axes = axes,
                                  .set_pooling = set_pooling};

}  // namespace retort
