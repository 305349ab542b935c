// ALBERT (Lan et al. 2020): layers share their parameters in groups, and embeddings are narrower
// than the layers.
#include "nn/encoder.h"
#include "nn/models/bert_family.h"
#include "nn/models/models.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr EncoderLayerNames kNames = {.query = "attention.query",
                                      .key = "attention.key",
                                      .value = "attention.value",
                                      .attention_output = "attention.dense",
                                      .attention_norm = "attention.LayerNorm",
                                      .intermediate = "ffn",
                                      .output = "ffn_output",
                                      .output_norm = "full_layer_layer_norm",
                                      .drop_attention_output = true,
                                      .drop_output = false};

struct AlbertConfig : FamilyConfig {
  std::int64_t groups = 1;  ///< of layers that share their parameters
};

int group_of(std::int64_t layer, std::int64_t layers, std::int64_t groups) {
  const double layers_per_group = static_cast<double>(layers) / static_cast<double>(groups);
  return static_cast<int>(static_cast<double>(layer) / layers_per_group);
}

class Albert : public Body {
 public:
  Albert(const Scope& scope, const ModelConfig& config)
      : layers_(config.layers),
        embeddings_(scope / "embeddings", config),
        projection_(scope / "encoder.embedding_hidden_mapping_in", config.embedding_columns(),
                    config.hidden_size) {
    const std::int64_t groups = config.family_as<AlbertConfig>().groups;
    for (std::int64_t i = 0; i < groups; ++i)
      groups_.emplace_back(
          scope / "encoder.albert_layer_groups" / std::to_string(i) / "albert_layers.0", config,
          kNames);
  }

  Variable forward(const Batch& batch, const Want& want, const Context& context,
                   Output& output) const override {
    Context at = context;
    return run_layers(projection_(embeddings_(batch, context)), static_cast<std::size_t>(layers_),
                      want, want.logits, output,
                      [&](const Variable& x, std::size_t i, const LayerTrace& trace) {
                        at.use = static_cast<std::uint32_t>(i);
                        return groups_[place_of(i)](x, batch.ragged, at, trace);
                      });
  }
  Parameter& words() override { return embeddings_.words(); }

 private:
  std::size_t place_of(std::size_t layer) const {
    return static_cast<std::size_t>(group_of(static_cast<std::int64_t>(layer), layers_,
                                             static_cast<std::int64_t>(groups_.size())));
  }

  std::int64_t layers_;
  EncoderEmbeddings embeddings_;
  Linear projection_;
  std::vector<EncoderLayer> groups_;
};

void defaults(ModelConfig& config) {
  config.vocab_size = 30000;
  config.embedding_size = 128;
  config.hidden_size = 4096;
  config.heads = 64;
  config.intermediate_size = 16384;
  config.activation = "gelu_new";
  config.hidden_dropout = config.attention_dropout = 0;
}

void keys(ConfigKeys& keys, ModelConfig& config) {
  auto own = std::make_shared<AlbertConfig>(config.family_as<AlbertConfig>());
  keys.size("embedding_size", config.embedding_size, kMostHidden);
  bert_keys(keys, config);
  keys.probability("classifier_dropout_prob", config.classifier_dropout);
  keys.size("num_hidden_groups", own->groups, config.layers);
  keys.only("inner_group_num", 1);
  config.family = std::move(own);
}

std::unique_ptr<Body> make_body(const Scope& scope, const ModelConfig& config) {
  auto body = std::make_unique<Albert>(scope, config);
  add_unused_pooler(scope.of(Part::pooler) / "pooler", config);
  return body;
}

Head make_head(const Scope& root, const Scope& scope, const ModelConfig& config, Body& body) {
  switch (config.task) {
    case Task::sequence_classification:
      return pooled_head(root, scope, scope.of(Part::pooler) / "pooler", config);
    case Task::token_classification:
      return token_head(root, scope, config);
    case Task::question_answering:
      return span_head(root, config);
    case Task::masked_lm: {
      const Scope predictions = root / "predictions";
      const std::int64_t columns = config.embedding_columns();
      return Head(Pooling::tokens)
          .linear(predictions / "dense", config.hidden_size, columns)
          .then(activation(config.activation))
          .layer(LayerNorm(predictions / "LayerNorm", columns, config.norm_epsilon))
          .layer(decoder_linear(predictions, config, body));
    }
    default:
      fail_no_head(config);
  }
}

int layer_place(const ModelConfig& config, int layer) {
  return group_of(layer, config.layers, config.family_as<AlbertConfig>().groups);
}

// Which layers share parameters follows from their number and that of the groups alone.
void keep_layers(ModelConfig& config, const std::vector<int>& layers) {
  std::vector<int> groups;  // of the kept layers, counted anew
  int before = -1;
  for (const int layer : layers) {
    const int group = layer_place(config, layer - 1);
    groups.push_back(groups.empty() ? 0 : groups.back() + (group != before));
    before = group;
  }
  auto own = std::make_shared<AlbertConfig>();
  own->groups = groups.back() + 1;
  config.family = own;
  config.layers = static_cast<std::int64_t>(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i)
    check(layer_place(config, static_cast<int>(i)) == groups[i], "albert: layer ", layers[i],
          " would share parameters with others than in its teacher, for ", config.layers,
          " layers are dealt evenly to ", own->groups,
          " groups; choose equally many of each group");
}

void axes(Axes& axes, const ModelConfig& config) {
  encoder_axes(axes, kNames, Axis::embedding);
  axes.linear("encoder.embedding_hidden_mapping_in", Axis::stream, Axis::embedding);
  pooled_head_axes(axes, config, "pooler");
  const Axis words = axis_before_words(config, Axis::embedding);
  axes.linear("predictions.dense", words, Axis::stream);
  axes.vector("predictions.LayerNorm", words);
  vocabulary_axes(axes, "predictions", "predictions.decoder", words);
}

}  // namespace

const Architecture kAlbert = {.model_type = "albert",
                              .class_prefix = "Albert",
                              .base_prefix = "albert",
                              .usual_task = Task::sequence_classification,
                              .defaults = defaults,
                              .keys = keys,
                              .make_body = make_body,
                              .make_head = make_head,
                              .layers = "encoder.albert_layer_groups",
                              .keep_layers = keep_layers,
                              .layer_place = layer_place,
                              .axes = axes};

}  // namespace retort
