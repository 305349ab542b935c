// Rotary positions (Su et al. 2021) as configurations describe them.
#pragma once

#include <cstdint>
#include <string>

#include "nn/config_keys.h"
#include "tensor/tensor.h"

namespace retort {

struct Rope {
  double theta = 10000;
  /// "default"; "linear": positions divided by `factor` (Chen et al. 2023); "llama3": slow
  /// rotations divided by `factor`, fast ones kept, smoothly between (Llama 3.1).
  std::string type = "default";
  double factor = 1, low_frequency_factor = 1, high_frequency_factor = 4;
  std::int64_t original_positions = 8192;  ///< that a llama3 model was first trained with
};

/// What `json` (rope_parameters, or the older rope_scaling) says over `otherwise`. `what` starts
/// every message. Errors: not an object, a type that isn't supported, impossible numbers.
Rope read_rope(const Json& json, const std::string& what, Rope otherwise);
/// transformers' rope_parameters.
Json rope_parameters(const Rope& rope);

/// A model's only rope: rope_parameters or rope_theta and rope_scaling, of which the first is what
/// transformers 5 writes and the others what everybody else reads; all of them are written.
void rope_keys(ConfigKeys& keys, Rope& rope, std::int64_t max_positions);

/// Turns per position, in radians: f64 [head_dim / 2].
Tensor rope_frequencies(const Rope& rope, std::int64_t head_dim);

}  // namespace retort
