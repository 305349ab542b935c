// The encoder and the decoder of T5 and its relatives (Raffel et al. 2020): layers without biases,
// with RMS norms before each part and unscaled scores. Positions are one number per head and bucket
// of distances, added to the scores, from a table that a stack's first layer holds for all.
#pragma once

#include <memory>
#include <string>

#include "nn/body.h"
#include "nn/axes.h"
#include "nn/config.h"
#include "nn/layers.h"

namespace retort {

/// What configurations of the family say beyond ModelConfig.
struct T5Config : FamilyConfig {
  std::int64_t buckets = 32;
  std::int64_t max_distance = 128;    ///< from which on all distances share a bucket
  std::string feed_forward = "relu";  ///< as the file spells it: an activation, perhaps "gated-"
  bool gated = false;
  bool scaled_logits = true;  ///< hidden states are divided by √hidden before the vocabulary
  Json end = 1;               ///< eos_token_id: a number, or several
};

/// Deviation of the first values of a matrix with so many inputs, in units of the configuration's.
double t5_deviation(std::int64_t inputs);
/// A linear layer whose first values deviate by `deviation` of those units.
Linear t5_linear(const Scope& scope, std::int64_t inputs, std::int64_t outputs, double deviation,
                 bool bias = false);

/// Architecture::axes of the stacks; heads of one stack share a table of biases.
void t5_axes(Axes& axes);

/// An encoder, and a decoder where config.has_decoder().
std::unique_ptr<Body> t5_body(const Scope& scope, const ModelConfig& config);

}  // namespace retort
