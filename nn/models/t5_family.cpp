#include "nn/models/t5_family.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "nn/cache.h"

namespace retort {
namespace {

Linear matrix(const Scope& scope, std::int64_t inputs, std::int64_t outputs) {
  return t5_linear(scope, inputs, outputs, t5_deviation(inputs));
}

// What attention to an encoder's rows sees of them.
struct Memory {
  Variable keys, values;
};

// How a stack's tokens see each other.
struct Distances {
  const Parameter* table = nullptr;  // [buckets, heads]
  std::int64_t max_distance = 0;
  bool causal = false;
};

class AttentionPart {
 public:
  AttentionPart(const Scope& scope, std::string_view name, const ModelConfig& config)
      : heads_(config.heads),
        norm_(scope / "layer_norm", config.hidden_size, config.norm_epsilon),
        // Scores aren't divided by √head_size: the first queries are.
        query_(t5_linear(scope / name / "q", config.hidden_size, columns(config),
                         t5_deviation(config.hidden_size * config.head_size()))),
        key_(matrix(scope / name / "k", config.hidden_size, columns(config))),
        value_(matrix(scope / name / "v", config.hidden_size, columns(config))),
        output_(matrix(scope / name / "o", columns(config), config.hidden_size)),
        dropout_(scope / name, "dropout", config.hidden_dropout),
        output_dropout_(scope, "dropout", config.hidden_dropout) {}

  /// x and what its rows find in each other.
  Variable operator()(const Variable& x, const Ragged& ragged, const Distances& distances,
                      const Context& context, const LayerTrace& trace) const {
    const Variable normed = norm_(x);
    AttentionOptions options = plain(context);
    options.causal = distances.causal;
    options.bidirectional_buckets = !distances.causal;
    options.max_distance = distances.max_distance;
    // A frozen model's table may be in bf16.
    const Variable table = cast(distances.table->variable, DType::f32);
    return output_dropout_(output_(trace.attention(query_(normed), key_(normed), value_(normed),
                                                   ragged, options, table)),
                           context, x);
  }

  Memory memory(const Variable& rows) const { return {key_(rows), value_(rows)}; }
  /// x and what its rows find in others.
  Variable operator()(const Variable& x, const Memory& memory, const Ragged& cross,
                      const Context& context, const LayerTrace& trace) const {
    return output_dropout_(output_(trace.attention(query_(norm_(x)), memory.keys, memory.values,
                                                   cross, plain(context))),
                           context, x);
  }

 private:
  static std::int64_t columns(const ModelConfig& config) {
    return config.heads * config.head_size();
  }
  AttentionOptions plain(const Context& context) const {
    return {.heads = heads_, .scale = 1.0, .dropout = dropout_.rule(context)};
  }

  std::int64_t heads_;
  RmsNorm norm_;
  Linear query_, key_, value_, output_;
  Dropout dropout_, output_dropout_;
};

class FeedForwardPart {
 public:
  FeedForwardPart(const Scope& scope, const ModelConfig& config, bool gated)
      : norm_(scope / "layer_norm", config.hidden_size, config.norm_epsilon),
        up_(matrix(scope / "DenseReluDense" / (gated ? "wi_0" : "wi"), config.hidden_size,
                   config.intermediate_size)),
        down_(matrix(scope / "DenseReluDense.wo", config.intermediate_size, config.hidden_size)),
        activation_(activation(config.activation)),
        dropout_(scope / "DenseReluDense", "dropout", config.hidden_dropout),
        output_dropout_(scope, "dropout", config.hidden_dropout) {
    if (gated)
      factor_ = matrix(scope / "DenseReluDense.wi_1", config.hidden_size, config.intermediate_size);
  }

  Variable operator()(const Variable& x, const Context& context) const {
    const Variable normed = norm_(x);
    Variable wide = activation_(up_(normed));
    if (factor_) wide = wide * (*factor_)(normed);
    return output_dropout_(down_(dropout_(wide, context)), context, x);
  }

 private:
  RmsNorm norm_;
  Linear up_, down_;
  std::optional<Linear> factor_;
  Activation activation_;
  Dropout dropout_, output_dropout_;
};

struct T5Layer {
  AttentionPart self;
  std::optional<AttentionPart> cross;
  FeedForwardPart feed_forward;
};

// The encoder or the decoder.
class T5Stack {
 public:
  T5Stack(const Scope& scope, const ModelConfig& config, std::int64_t layers, bool decoder)
      : norm_(scope / "final_layer_norm", config.hidden_size, config.norm_epsilon),
        input_dropout_(scope, "dropout", config.hidden_dropout),
        output_dropout_(scope, "final_dropout", config.hidden_dropout) {
    const auto own = config.family_as<T5Config>();
    for (std::int64_t i = 0; i < layers; ++i) {
      const Scope layer = scope / "block" / std::to_string(i) / "layer";
      AttentionPart self(layer / "0", "SelfAttention", config);
      std::optional<AttentionPart> cross;
      if (decoder) cross.emplace(layer / "1", "EncDecAttention", config);
      layers_.push_back({std::move(self), std::move(cross),
                         FeedForwardPart(layer / (decoder ? "2" : "1"), config, own.gated)});
    }
    Parameter& table = (scope / "block.0.layer.0.SelfAttention.relative_attention_bias")
                           .add("weight", {own.buckets, config.heads}, Init::normal, true);
    table.deviation = t5_deviation(config.hidden_size);
    distances_ = {&table, own.max_distance, decoder};
  }

  int layers() const { return static_cast<int>(layers_.size()); }

  /// What the layers make of `words` [tokens, hidden]: as many of them as are wanted, at least
  /// `depth`.
  Variable encode(const Variable& words, const Ragged& ragged, const LayerWants& want, int depth,
                  LayerTensors& given, const Context& context) const {
    return run(words, want, depth, given, context,
               [&](const Variable& x, std::size_t i, const LayerTrace& trace) {
                 return layers_[i].self(x, ragged, distances_, context, trace);
               });
  }

  /// Likewise, of a batch's targets, which also see `encoded`, what its encoder gave; where a cache
  /// knows that, none.
  Variable decode(const Variable& words, const Batch& batch, const Variable& encoded,
                  const Want& want, int depth, Output& output, const Context& context) const {
    KeyValueCache* cache = batch.target->cache;
    return run(
        words, want, depth, output, context,
        [&](const Variable& x, std::size_t i, const LayerTrace& trace) {
          const int layer = static_cast<int>(i) + 1;
          const Variable seen =
              layers_[i].self(x, batch.target->ragged, distances_, context, trace);
          const AttentionPart& part = *layers_[i].cross;
          return part(seen, memory_of(part, layer, encoded, cache), batch.cross, context,
                      LayerTrace(want.cross, output.cross, layer, nullptr));
        },
        cache);
  }

 private:
  // What a layer's `part` makes of the encoder's rows: anew, or once for all batches of a cache.
  static Memory memory_of(const AttentionPart& part, int layer, const Variable& encoded,
                          KeyValueCache* cache) {
    if (!cache) return part.memory(encoded);
    const KeyValueRows& rows = cache->prompts().layer(layer, [&]() -> KeyValueRows {
      const Memory made = part.memory(encoded);
      return {made.keys.value(), made.values.value()};
    });
    return {rows.keys, rows.values};
  }

  // `attend`: a layer before its feed-forward part.
  Variable run(const Variable& words, const LayerWants& want, int depth, LayerTensors& given,
               const Context& context, const RunLayer& attend,
               KeyValueCache* cache = nullptr) const {
    const int count = std::max(depth, deepest_layer(want, layers()));
    return run_layers(
        input_dropout_(words, context), static_cast<std::size_t>(count), want, true, given,
        [&](const Variable& x, std::size_t i, const LayerTrace& trace) {
          const Variable y = layers_[i].feed_forward(attend(x, i, trace), context);
          return i + 1 == layers_.size() ? output_dropout_(norm_(y), context) : y;
        },
        cache);
  }

  std::vector<T5Layer> layers_;
  Distances distances_;
  RmsNorm norm_;
  Dropout input_dropout_, output_dropout_;
};

class T5 : public Body {
 public:
  T5(const Scope& scope, const ModelConfig& config)
      : words_(scope, "shared", config.vocab_size, config.hidden_size),
        encoder_(scope / "encoder", config, config.layers, false) {
    std::vector<std::string>& aliases = words_.table().aliases;
    aliases.push_back((scope / "encoder.embed_tokens.weight").name());
    if (!config.has_decoder()) return;
    aliases.push_back((scope / "decoder.embed_tokens.weight").name());
    decoder_.emplace(scope / "decoder", config, config.decoder_layers, true);
  }

  Variable forward(const Batch& batch, const Want& want, const Context& context,
                   Output& output) const override {
    if (!decoder_)
      return encoder_.encode(words_(batch.ids), batch.ragged, want,
                             want.logits ? encoder_.layers() : 0, output, context);
    const int layers = decoder_->layers(),
              wanted = std::max(deepest_layer(want, layers), deepest_layer(want.cross, layers)),
              decoded = want.logits ? layers : wanted;
    Variable encoded;
    if (batch.tokens() > 0)  // none where a cache knows what the encoder gave
      encoded = encoder_.encode(words_(batch.ids), batch.ragged, want.encoder,
                                decoded > 0 ? encoder_.layers() : 0, output.encoder, context);
    Context own = context;
    own.first_token = context.first_target;
    return decoder_->decode(words_(batch.target->ids), batch, encoded, want, decoded, output, own);
  }
  Parameter& words() override { return words_.table(); }

 private:
  Embedding words_;
  T5Stack encoder_;
  std::optional<T5Stack> decoder_;
};

}  // namespace

double t5_deviation(std::int64_t inputs) { return 1 / std::sqrt(static_cast<double>(inputs)); }

Linear t5_linear(const Scope& scope, std::int64_t inputs, std::int64_t outputs, double deviation,
                 bool bias) {
  Parameter& weight = scope.add("weight", {outputs, inputs}, Init::normal, true);
  weight.deviation = deviation;
  return Linear(weight, bias ? &scope.add("bias", {outputs}, Init::zeros, false) : nullptr);
}

void t5_axes(Axes& axes) {
  axes.heads_are_free();
  axes.linear("shared", Axis::vocabulary, Axis::stream);
  for (const char* part : {"q", "k", "v"}) {
    axes.linear(std::string("SelfAttention.") + part, Axis::stack_heads, Axis::stream);
    axes.linear(std::string("EncDecAttention.") + part, *part == 'q' ? Axis::queries : Axis::keys,
                Axis::stream);
  }
  axes.linear("SelfAttention.o", Axis::stream, Axis::stack_heads);
  axes.linear("EncDecAttention.o", Axis::stream, Axis::queries);
  axes.linear("SelfAttention.relative_attention_bias", Axis::whole, Axis::bias_heads);
  for (const char* up : {"wi", "wi_0", "wi_1"})
    axes.linear(std::string("DenseReluDense.") + up, Axis::feed_forward, Axis::stream);
  axes.linear("DenseReluDense.wo", Axis::stream, Axis::feed_forward);
  for (const char* norm : {"layer_norm", "final_layer_norm"}) axes.vector(norm, Axis::stream);
}

std::unique_ptr<Body> t5_body(const Scope& scope, const ModelConfig& config) {
  return std::make_unique<T5>(scope, config);
}

}  // namespace retort
