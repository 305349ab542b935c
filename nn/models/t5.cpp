// T5 (Raffel et al. 2020), flan-T5 (Chung et al. 2022) and mT5 (Xue et al. 2021), which differ in
// their configurations: what those say, and the heads.
#include "nn/models/models.h"
#include "nn/models/t5_family.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::int64_t kFewestBuckets = 4;  // two distances on each side

void t5_defaults(ModelConfig& config) {
  config.vocab_size = 32128;
  config.hidden_size = 512;
  config.head_dim = 64;
  config.layers = config.decoder_layers = 6;
  config.heads = 8;
  config.intermediate_size = 2048;
  config.max_positions = kMostPositions;  // distances have no end
  config.token_types = 0;
  config.activation = "relu";
  config.norm_epsilon = 1e-6;
  config.classifier_dropout = 0;
  config.initializer_range = 1;
  config.family = std::make_shared<T5Config>();
}

void mt5_defaults(ModelConfig& config) {
  t5_defaults(config);
  config.vocab_size = 250112;
  config.layers = config.decoder_layers = 8;
  config.heads = 6;
  config.intermediate_size = 1024;
  config.activation = "gelu_new";
  auto own = std::make_shared<T5Config>();
  own->feed_forward = "gated-gelu";
  own->gated = true;
  own->scaled_logits = false;
  config.family = std::move(own);
}

// feed_forward_proj says all; newer files repeat it in two keys, which transformers believes more.
void feed_forward_keys(ConfigKeys& keys, ModelConfig& config, T5Config& own) {
  constexpr std::string_view kGated = "gated-";
  keys.text("feed_forward_proj", own.feed_forward);
  if (keys.reading()) {
    own.gated = own.feed_forward.starts_with(kGated);
    config.activation = own.feed_forward.substr(own.gated ? kGated.size() : 0);
    if (own.gated && config.activation == "gelu") config.activation = "gelu_new";
    check(find_activation(config.activation) != nullptr, keys.file(), ": feed_forward_proj: '",
          own.feed_forward, "' isn't supported; there are ", activation_names(),
          ", each also behind '", kGated, "'");
  }
  keys.activation("dense_act_fn", config.activation);
  keys.flag("is_gated_act", own.gated);
}

void shared_keys(ConfigKeys& keys, ModelConfig& config, T5Config& own) {
  keys.size("d_model", config.hidden_size, kMostHidden);
  keys.size("d_kv", config.head_dim, kMostHidden);
  keys.size("d_ff", config.intermediate_size, kMostIntermediate);
  keys.size("num_heads", config.heads, kMostHeads);
  keys.size("num_layers", config.layers, kMostLayers);
  if (keys.reading()) {
    config.decoder_layers = config.layers;
    config.decoder_start_token_id = config.pad_token_id.value_or(0);
  }
  keys.size("num_decoder_layers", config.decoder_layers, kMostLayers);
  keys.size("decoder_start_token_id", config.decoder_start_token_id, config.vocab_size - 1, 0);
  keys.size("relative_attention_num_buckets", own.buckets, kMostPositions, kFewestBuckets);
  // A decoder, which sees one side, gives half of the buckets to single distances.
  keys.size("relative_attention_max_distance", own.max_distance, kMostPositions,
            own.buckets / 2 + 1);
  feed_forward_keys(keys, config, own);
  keys.number("layer_norm_epsilon", config.norm_epsilon, 0, 1);
  keys.probability("dropout_rate", config.hidden_dropout);
  keys.probability("classifier_dropout", config.classifier_dropout);
  if (const Json* end = keys.find("eos_token_id")) own.end = *end;
  keys.note("eos_token_id", own.end);
  keys.note("is_encoder_decoder", config.has_decoder());
}

void t5_keys(ConfigKeys& keys, ModelConfig& config) {
  auto own = std::make_shared<T5Config>(config.family_as<T5Config>());
  shared_keys(keys, config, *own);
  // The first T5 has one table for all and scales; those behind it have two and don't. Newer files
  // say it apart from the tables.
  if (keys.reading()) own->scaled_logits = config.tie_word_embeddings;
  keys.flag("scale_decoder_outputs", own->scaled_logits);
  config.family = std::move(own);
}

void mt5_keys(ConfigKeys& keys, ModelConfig& config) {
  auto own = std::make_shared<T5Config>(config.family_as<T5Config>());
  shared_keys(keys, config, *own);
  config.family = std::move(own);
}

// transformers builds these classes around the stacks, others around a T5Model or T5EncoderModel.
bool unprefixed(Task task) { return task == Task::seq2seq_lm || task == Task::question_answering; }

// The id of the end of a text.
std::int32_t end_of_text(const ModelConfig& config) {
  const Json end = config.family_as<T5Config>().end;
  const std::int64_t id = end.is_integer() ? end.as_integer("eos_token_id") : -1;
  check(id >= 0 && id < config.vocab_size,
        "config.json: eos_token_id: a classifier looks at the end of the text, so it needs one of ",
        config.vocab_size, " ids, found ", end.dump());
  return static_cast<std::int32_t>(id);
}

Head make_head(const Scope& root, const Scope&, const ModelConfig& config, Body& body) {
  const std::int64_t hidden = config.hidden_size;
  switch (config.task) {
    case Task::seq2seq_lm: {
      Head head(Pooling::tokens);
      if (config.family_as<T5Config>().scaled_logits)
        head.then([factor = t5_deviation(hidden)](const Variable& x, const Context&) {
          return x * factor;
        });
      return head.layer(vocabulary_linear(root / "lm_head", config, body.words(), nullptr));
    }
    case Task::sequence_classification: {
      const Scope scope = root / "classification_head";
      return Head(Pooling::mark, end_of_text(config))
          .dropout(scope, "dropout", config.classifier_dropout)
          .layer(t5_linear(scope / "dense", hidden, hidden, t5_deviation(hidden), true))
          .then(tanh)
          .dropout(scope, "output_dropout", config.classifier_dropout)
          .layer(t5_linear(scope / "out_proj", hidden, config.num_labels(), t5_deviation(hidden),
                           true));
    }
    case Task::token_classification:
      return Head(Pooling::tokens)
          .dropout(root, "dropout", config.classifier_dropout)
          .linear(root / "classifier", hidden, config.num_labels());
    case Task::question_answering:
      return Head(Pooling::tokens)
          .layer(t5_linear(root / "qa_outputs", hidden, kSpanEnds, t5_deviation(hidden), true));
    default:
      fail_no_head(config);
  }
}

void axes(Axes& axes, const ModelConfig&) {
  t5_axes(axes);
  axes.linear("lm_head", Axis::vocabulary, Axis::stream);
  axes.linear("classification_head.dense", Axis::head, Axis::stream);
  axes.linear("classification_head.out_proj", Axis::whole, Axis::head);
  axes.linear("classifier", Axis::whole, Axis::stream);
  axes.linear("qa_outputs", Axis::whole, Axis::stream);
}

// The end of the text has another id where words went.
void resize(ModelConfig& student, const ModelConfig&) {
  const Json* end = student.raw.is_object() ? student.raw.find("eos_token_id") : nullptr;
  if (!end) return;
  auto own = std::make_shared<T5Config>(student.family_as<T5Config>());
  own->end = *end;
  student.family = std::move(own);
}

// Both, which differ in their configurations alone.
constexpr Architecture architecture(const char* model_type, const char* class_prefix,
                                    void (*defaults)(ModelConfig&),
                                    void (*keys)(ConfigKeys&, ModelConfig&)) {
  return {.model_type = model_type,
          .class_prefix = class_prefix,
          .base_prefix = "transformer",
          .usual_task = Task::seq2seq_lm,
          .unprefixed = unprefixed,
          .embedding_suffix = "EncoderModel",
          .initializer = "initializer_factor",
          .tied_by_files = true,
          .defaults = defaults,
          .keys = keys,
          .make_body = t5_body,
          .make_head = make_head,
          .layers = "encoder.block",
          .decoder_layers = "decoder.block",
          .axes = axes,
          .resize = resize};
}

}  // namespace

const Architecture kT5 = architecture("t5", "T5", t5_defaults, t5_keys);
const Architecture kMt5 = architecture("mt5", "MT5", mt5_defaults, mt5_keys);

}  // namespace retort
