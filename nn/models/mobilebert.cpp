// MobileBERT (Sun et al. 2020): layers that work on fewer columns than flow between them
// (bottlenecks), several feed-forward networks in each, words that see their neighbours (trigrams),
// and norms that may be a mere scale and shift.
#include <optional>

#include "nn/models/bert_family.h"
#include "nn/models/models.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::int64_t kMostNetworks = 100;
constexpr double kUsualEpsilon =
    1e-5;  // of the norms to which transformers doesn't pass the config's

struct MobileBertConfig : FamilyConfig {
  std::int64_t bottleneck = 128;  ///< columns within a layer
  std::int64_t networks = 4;      ///< feed-forward networks of a layer
  bool trigram = true;            ///< words are seen with the next and the previous one
  bool use_bottleneck = true;
  bool bottleneck_attention = false;  ///< queries, keys and values come from the bottleneck, too
  bool shared_key_query = true;       ///< queries and keys have a bottleneck of their own
  bool classifier_activation = true;  ///< a pooler
  std::string normalization = "no_norm";
};

/// Columns within a layer.
std::int64_t inner_columns(const ModelConfig& config, const MobileBertConfig& own) {
  return own.use_bottleneck ? own.bottleneck : config.hidden_size;
}

// x·weight + bias, or a layer norm.
class Norm {
 public:
  Norm(const Scope& scope, std::int64_t columns, double epsilon, const MobileBertConfig& own) {
    if (own.normalization == "layer_norm") {
      layer_norm_.emplace(scope, columns, epsilon);
    } else {
      weight_ = &scope.add("weight", {columns}, Init::ones, false);
      bias_ = &scope.add("bias", {columns}, Init::zeros, false);
    }
  }
  Variable operator()(const Variable& x) const {
    return layer_norm_ ? (*layer_norm_)(x) : x * weight_->variable + bias_->variable;
  }

 private:
  std::optional<LayerNorm> layer_norm_;
  Parameter* weight_ = nullptr;
  Parameter* bias_ = nullptr;
};

// A linear layer, what is added, and a norm.
class LinearNorm {
 public:
  LinearNorm(const Scope& linear, const Scope& norm, std::int64_t inputs, std::int64_t outputs,
             double epsilon, const MobileBertConfig& own)
      : linear_(linear, inputs, outputs), norm_(norm, outputs, epsilon, own) {}
  Variable operator()(const Variable& x) const { return norm_(linear_(x)); }
  Variable operator()(const Variable& x, const Variable& residual) const {
    return norm_(linear_(x) + residual);
  }
  Variable operator()(const Variable& x, const Variable& residual, const Dropout& dropout,
                      const Context& context) const {
    return norm_(dropout(linear_(x), context, residual));
  }

 private:
  Linear linear_;
  Norm norm_;
};

struct FeedForward {
  Linear intermediate;
  LinearNorm output;
};

class MobileBertLayer {
 public:
  MobileBertLayer(const Scope& scope, const ModelConfig& config, const MobileBertConfig& own)
      : own_(own),
        heads_(config.heads),
        query_(scope / "attention.self.query", inner_columns(config, own),
               inner_columns(config, own)),
        key_(scope / "attention.self.key", inner_columns(config, own), inner_columns(config, own)),
        value_(scope / "attention.self.value",
               own.bottleneck_attention ? inner_columns(config, own) : config.hidden_size,
               inner_columns(config, own)),
        attention_output_(scope / "attention.output.dense", scope / "attention.output.LayerNorm",
                          inner_columns(config, own), inner_columns(config, own),
                          config.norm_epsilon, own),
        intermediate_(scope / "intermediate.dense", inner_columns(config, own),
                      config.intermediate_size),
        output_(scope / "output.dense", scope / "output.LayerNorm", config.intermediate_size,
                inner_columns(config, own), kUsualEpsilon, own),
        attention_dropout_(scope, "attention.dropout", config.attention_dropout),
        attention_output_dropout_(scope, "attention.output.dropout",
                                  own.use_bottleneck ? 0 : config.hidden_dropout),
        output_dropout_(scope, "output.dropout", config.hidden_dropout),
        activation_(activation(config.activation)) {
    const std::int64_t inner = inner_columns(config, own), hidden = config.hidden_size;
    const auto linear_norm = [&](const Scope& place, std::int64_t inputs, std::int64_t outputs) {
      return LinearNorm(place / "dense", place / "LayerNorm", inputs, outputs, config.norm_epsilon,
                        own);
    };
    if (own.use_bottleneck) {
      input_ = linear_norm(scope / "bottleneck.input", hidden, inner);
      if (own.shared_key_query)
        shared_input_ = linear_norm(scope / "bottleneck.attention", hidden, inner);
      widening_ = linear_norm(scope / "output.bottleneck", inner, hidden);
    }
    for (std::int64_t i = 0; i + 1 < own.networks; ++i) {
      const Scope network = scope / "ffn" / std::to_string(i);
      networks_.push_back({Linear(network / "intermediate.dense", inner, config.intermediate_size),
                           linear_norm(network / "output", config.intermediate_size, inner)});
    }
  }

  Variable operator()(const Variable& x, const Ragged& ragged, const Context& context,
                      const LayerTrace& trace) const {
    const Variable inner = input_ ? (*input_)(x) : x;
    const Variable values = own_.bottleneck_attention ? inner : x;
    const Variable keys =
        shared_input_ && !own_.bottleneck_attention ? (*shared_input_)(x) : values;
    const Variable mixed =
        trace.attention(query_(keys), key_(keys), value_(values), ragged,
                        {.heads = heads_, .dropout = attention_dropout_.rule(context)});
    Variable y = attention_output_(mixed, inner, attention_output_dropout_, context);
    for (const FeedForward& network : networks_)
      y = network.output(activation_(network.intermediate(y)), y);
    const Variable wide = activation_(intermediate_(y));
    if (!widening_) return output_(wide, y, output_dropout_, context);
    return (*widening_)(output_(wide, y), x, output_dropout_, context);
  }

 private:
  MobileBertConfig own_;
  std::int64_t heads_;
  Linear query_, key_, value_;
  LinearNorm attention_output_;
  Linear intermediate_;
  LinearNorm output_;
  std::optional<LinearNorm> input_, shared_input_, widening_;
  std::vector<FeedForward> networks_;
  Dropout attention_dropout_, attention_output_dropout_, output_dropout_;
  Activation activation_;
};

// Rows [next, own, previous] of each token; zeros beyond its sequence.
Variable with_neighbours(const Variable& x, const Batch& batch) {
  const std::vector<std::int32_t> offsets = batch.ragged.offsets.to_vector<std::int32_t>();
  const auto tokens = static_cast<std::int32_t>(batch.tokens());
  std::vector<std::int32_t> next(static_cast<std::size_t>(tokens)), previous(next.size());
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
    for (std::int32_t row = offsets[s]; row < offsets[s + 1]; ++row) {
      const auto i = static_cast<std::size_t>(row);
      next[i] = row + 1 < offsets[s + 1] ? row + 1 : tokens;
      previous[i] = row > offsets[s] ? row - 1 : tokens;
    }
  const Variable padded = concat({x, Tensor::zeros({1, x.shape()[1]})}, 0);
  return concat(
      {embedding(padded, Tensor::from(next)), x, embedding(padded, Tensor::from(previous))}, 1);
}

class MobileBert : public Body {
 public:
  MobileBert(const Scope& scope, const ModelConfig& config)
      : own_(config.family_as<MobileBertConfig>()),
        words_(scope / "embeddings", "word_embeddings", config.vocab_size,
               config.embedding_columns()),
        positions_(scope / "embeddings", "position_embeddings", config.max_positions,
                   config.hidden_size),
        types_(scope / "embeddings", "token_type_embeddings", config.token_types,
               config.hidden_size),
        transformation_(scope / "embeddings.embedding_transformation",
                        config.embedding_columns() * (own_.trigram ? 3 : 1), config.hidden_size),
        norm_(scope / "embeddings.LayerNorm", config.hidden_size, kUsualEpsilon, own_),
        dropout_(scope / "embeddings", "dropout", config.hidden_dropout) {
    for (std::int64_t i = 0; i < config.layers; ++i)
      layers_.emplace_back(scope / "encoder.layer" / std::to_string(i), config, own_);
  }

  Variable forward(const Batch& batch, const Want& want, const Context& context,
                   Output& output) const override {
    Variable words = words_(batch.ids);
    if (own_.trigram) words = with_neighbours(words, batch);
    const Variable sum =
        transformation_(words) + positions_(batch.positions) + types_(batch.type_ids);
    return run_layers(dropout_(norm_(sum), context), layers_.size(), want, want.logits, output,
                      [&](const Variable& x, std::size_t i, const LayerTrace& trace) {
                        return layers_[i](x, batch.ragged, context, trace);
                      });
  }
  Parameter& words() override { return words_.table(); }

 private:
  MobileBertConfig own_;
  Embedding words_, positions_, types_;
  Linear transformation_;
  Norm norm_;
  Dropout dropout_;
  std::vector<MobileBertLayer> layers_;
};

void defaults(ModelConfig& config) {
  config.embedding_size = 128;
  config.hidden_size = 512;
  config.layers = 24;
  config.heads = 4;
  config.intermediate_size = 512;
  config.activation = "relu";
  config.hidden_dropout = 0;
}

void keys(ConfigKeys& keys, ModelConfig& config) {
  auto own = std::make_shared<MobileBertConfig>(config.family_as<MobileBertConfig>());
  bert_keys(keys, config);
  classifier_dropout_key(keys, config);
  keys.size("embedding_size", config.embedding_size, kMostHidden);
  keys.size("intra_bottleneck_size", own->bottleneck, kMostHidden);
  keys.size("num_feedforward_networks", own->networks, kMostNetworks);
  keys.flag("trigram_input", own->trigram);
  keys.flag("use_bottleneck", own->use_bottleneck);
  keys.flag("use_bottleneck_attention", own->bottleneck_attention);
  keys.flag("key_query_shared_bottleneck", own->shared_key_query);
  keys.flag("classifier_activation", own->classifier_activation);
  keys.text("normalization_type", own->normalization);
  if (keys.reading()) {
    const std::string& file = keys.file();
    const std::int64_t inner = inner_columns(config, *own);
    check(own->normalization == "no_norm" || own->normalization == "layer_norm", file,
          ": normalization_type: expected no_norm or layer_norm, found '", own->normalization, "'");
    check(inner % config.heads == 0, file, ": ", inner,
          " columns within a layer don't divide into ", config.heads, " heads");
    check(!own->use_bottleneck || own->bottleneck_attention || own->shared_key_query ||
              own->bottleneck == config.hidden_size,
          file, ": key_query_shared_bottleneck: without it queries need use_bottleneck_attention");
    check(config.embedding_size <= config.hidden_size, file, ": embedding_size: expected at most ",
          config.hidden_size, ", the hidden size, found ", config.embedding_size);
    config.head_dim = inner / config.heads;
  }
  keys.note("true_hidden_size",
            inner_columns(config, *own));  // transformers believes what it finds
  config.family = std::move(own);
}

std::unique_ptr<Body> make_body(const Scope& scope, const ModelConfig& config) {
  auto body = std::make_unique<MobileBert>(scope, config);
  if (config.family_as<MobileBertConfig>().classifier_activation)
    add_unused_pooler(scope.of(Part::pooler) / "pooler.dense", config);
  return body;
}

// The first columns meet the table of words, the others a matrix of their own.
Head::Step vocabulary_step(const Scope& predictions, const ModelConfig& config, Body& body) {
  const Linear shared = decoder_linear(predictions, config, body);
  const std::int64_t columns = config.embedding_columns(), hidden = config.hidden_size;
  if (columns == hidden) return [shared](const Variable& x, const Context&) { return shared(x); };
  const Parameter& rest =
      (predictions / "dense")
          .add("weight", {hidden - columns, config.vocab_size}, Init::normal, true);
  return [shared, &rest, columns, hidden](const Variable& x, const Context&) {
    return shared(slice(x, 1, 0, columns)) + matmul(slice(x, 1, columns, hidden), rest.variable);
  };
}

Head make_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body) {
  const std::int64_t hidden = config.hidden_size;
  switch (config.task) {
    case Task::sequence_classification:
      if (config.family_as<MobileBertConfig>().classifier_activation)
        return pooled_head(root, scope, scope.of(Part::pooler) / "pooler.dense", config);
      return Head(Pooling::first)
          .dropout(scope, "classifier_dropout", config.classifier_dropout)
          .linear(root / "classifier", hidden, config.num_labels());
    case Task::token_classification:
      return token_head(root, scope, config);
    case Task::question_answering:
      return span_head(root, config);
    case Task::masked_lm: {
      const Scope predictions = root / "cls.predictions", transform = predictions / "transform";
      return Head(Pooling::tokens)
          .linear(transform / "dense", hidden, hidden)
          .then(activation(config.activation))
          .layer(LayerNorm(transform / "LayerNorm", hidden, config.norm_epsilon))
          .then(vocabulary_step(predictions, config, body));
    }
    default:
      fail_no_head(config);
  }
}

void layer_axes(Axes& axes, const MobileBertConfig& own) {
  const Axis inner = own.use_bottleneck ? Axis::inner : Axis::stream;
  const Axis values = own.bottleneck_attention ? inner : Axis::stream;
  const Axis keys = own.use_bottleneck && own.shared_key_query && !own.bottleneck_attention
                        ? Axis::inner_keys
                        : values;
  axes.linear("attention.self.query", Axis::queries, keys);
  axes.linear("attention.self.key", Axis::keys, keys);
  axes.linear("attention.self.value", Axis::keys, values);
  axes.linear("attention.output.dense", inner, Axis::queries);
  axes.vector("attention.output.LayerNorm", inner);
  axes.linear("intermediate.dense", Axis::feed_forward, inner);
  axes.linear("output.dense", inner, Axis::feed_forward);
  axes.vector("output.LayerNorm", inner);
  axes.linear("bottleneck.input.dense", inner, Axis::stream);
  axes.vector("bottleneck.input.LayerNorm", inner);
  axes.linear("bottleneck.attention.dense", Axis::inner_keys, Axis::stream);
  axes.vector("bottleneck.attention.LayerNorm", Axis::inner_keys);
  axes.linear("output.bottleneck.dense", Axis::stream, inner);
  axes.vector("output.bottleneck.LayerNorm", Axis::stream);
}

void axes(Axes& axes, const ModelConfig& config) {
  const auto own = config.family_as<MobileBertConfig>();
  if (own.use_bottleneck) axes.heads_are_free();
  layer_axes(axes, own);
  axes.linear("embeddings.word_embeddings", Axis::vocabulary, Axis::embedding);
  axes.linear("embeddings.position_embeddings", Axis::whole, Axis::stream);
  axes.linear("embeddings.token_type_embeddings", Axis::whole, Axis::stream);
  axes.linear("embeddings.embedding_transformation", Axis::stream,
              {Axis::embedding, own.trigram ? 3 : 1});
  axes.vector("embeddings.LayerNorm", Axis::stream);
  pooled_head_axes(axes, config, "pooler.dense");
  if (!own.classifier_activation) axes.linear("classifier", Axis::whole, Axis::stream);
  // The first units of the masked-LM head meet the table of words.
  const std::int64_t columns = config.embedding_columns();
  if (config.task == Task::masked_lm) axes.pin_head(columns);
  axes.linear("cls.predictions.transform.dense", Axis::head, Axis::stream);
  axes.vector("cls.predictions.transform.LayerNorm", Axis::head);
  axes.linear("cls.predictions.dense", {Axis::head, 1, columns}, Axis::vocabulary);
  vocabulary_axes(axes, "cls.predictions", "cls.predictions.decoder", Axis::embedding);
}

// Layers work on as many columns as their heads have.
void resize(ModelConfig& student, const ModelConfig&) {
  auto own = std::make_shared<MobileBertConfig>(student.family_as<MobileBertConfig>());
  if (own->use_bottleneck) own->bottleneck = student.heads * student.head_dim;
  else student.head_dim = student.hidden_size / student.heads;
  student.family = std::move(own);
}

}  // namespace

const Architecture kMobileBert = {.model_type = "mobilebert",
                                  .class_prefix = "MobileBert",
                                  .base_prefix = "mobilebert",
                                  .usual_task = Task::sequence_classification,
                                  .defaults = defaults,
                                  .keys = keys,
                                  .make_body = make_body,
                                  .make_head = make_head,
                                  .layers = "encoder.layer",
                                  .axes = axes,
                                  .resize = resize};

}  // namespace retort
