#include "nn/rope.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr double kMostTheta = 1e12, kMostFactor = 1e6;

}  // namespace

Rope read_rope(const Json& json, const std::string& what, Rope rope) {
  check(json.is_object(), what, ": expected an object, found a ", json.kind());
  ConfigKeys keys(json, what);
  keys.number("rope_theta", rope.theta, 1, kMostTheta);
  keys.text("type", rope.type);
  keys.text("rope_type", rope.type);
  check(rope.type == "default" || rope.type == "linear" || rope.type == "llama3", what,
        ": rope_type '", rope.type, "' isn't supported; there are default, linear, llama3");
  keys.only("partial_rotary_factor", 1.0);
  if (rope.type == "default") return rope;
  keys.number("factor", rope.factor, 1, kMostFactor);
  if (rope.type == "linear") return rope;
  keys.number("low_freq_factor", rope.low_frequency_factor, 1e-6, kMostFactor);
  keys.number("high_freq_factor", rope.high_frequency_factor, 1e-6, kMostFactor);
  keys.size("original_max_position_embeddings", rope.original_positions, kMostPositions);
  check(rope.low_frequency_factor < rope.high_frequency_factor, what, ": low_freq_factor ",
        rope.low_frequency_factor, " isn't below high_freq_factor ", rope.high_frequency_factor);
  return rope;
}

Json rope_parameters(const Rope& rope) {
  Json json;
  json["rope_theta"] = rope.theta;
  json["rope_type"] = rope.type;
  if (rope.type != "default") json["factor"] = rope.factor;
  if (rope.type == "llama3") {
    json["low_freq_factor"] = rope.low_frequency_factor;
    json["high_freq_factor"] = rope.high_frequency_factor;
    json["original_max_position_embeddings"] = rope.original_positions;
  }
  return json;
}

void rope_keys(ConfigKeys& keys, Rope& rope, std::int64_t max_positions) {
  if (!keys.reading()) {
    keys.note("rope_theta", rope.theta);
    keys.note("rope_scaling", rope.type == "default" ? Json() : rope_parameters(rope));
    keys.note("rope_parameters", rope_parameters(rope));
    return;
  }
  rope.original_positions = max_positions;
  keys.number("rope_theta", rope.theta, 1, kMostTheta);
  for (const char* key :
       {"rope_parameters", "rope_scaling"})  // as in transformers, the last one wins
    if (const Json* json = keys.find(key)) rope = read_rope(*json, keys.file() + ": " + key, rope);
}

Tensor rope_frequencies(const Rope& rope, std::int64_t head_dim) {
  std::vector<double> frequencies;
  const auto dim = static_cast<double>(head_dim);
  for (std::int64_t i = 0; i < head_dim; i += 2) {
    double frequency = std::pow(rope.theta, -static_cast<double>(i) / dim);
    if (rope.type == "linear") frequency /= rope.factor;
    if (rope.type == "llama3") {
      // How often a pair turned round within the original context; between the two factors the
      // division by `factor` sets in linearly.
      const double turns =
          static_cast<double>(rope.original_positions) * frequency / (2 * std::numbers::pi);
      const double kept = (turns - rope.low_frequency_factor) /
                          (rope.high_frequency_factor - rope.low_frequency_factor);
      const double share = std::min(std::max(kept, 0.0), 1.0);
      frequency *= share + (1 - share) / rope.factor;
    }
    frequencies.push_back(frequency);
  }
  return Tensor::from(frequencies);
}

}  // namespace retort
