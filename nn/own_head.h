// Sequence classifiers that transformers has no class for: any number of hidden layers of any
// size on [CLS], the last token, the mean or the maximum of all tokens.
//
// Their facts stand in config.json under retort_head; their parameters are named as those of a
// Sequential of linear layers, activations and dropouts: classifier.0, classifier.3, … Without
// hidden layers there is one linear layer, `classifier`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nn/axes.h"
#include "nn/config_keys.h"
#include "nn/pooling.h"

namespace retort {

class Head;
struct ModelConfig;

struct OwnHead {
  std::vector<std::int64_t> layers;  ///< sizes of the hidden layers
  std::string activation = "gelu";
  double dropout = 0.1;  ///< behind each activation; without hidden layers before the linear one
  Pooling pooling = Pooling::first;
};

/// What a user asks for; what is unset is left to the model or to OwnHead.
struct HeadOptions {
  std::vector<std::int64_t> layers;
  std::string activation, pooling;  ///< empty: unset
  std::optional<double> dropout;

  bool any() const {
    return !layers.empty() || !activation.empty() || !pooling.empty() || dropout.has_value();
  }
};

/// Gives config the sequence classifier that the options describe: the architecture's own where its
/// config.json can say it, else one of ours. Errors: sizes, names and numbers that can't be,
/// options of hidden layers without any.
void set_head(ModelConfig& config, const HeadOptions& options);

/// retort_head, read or written; absent and not written for the architecture's own head.
void own_head_key(ConfigKeys& keys, ModelConfig& config);
/// The head that config.own_head describes, with parameters at `root`/classifier; `body` chooses
/// the random bits of a dropout without hidden layers.
Head make_own_head(const Scope& root, const Scope& body, const ModelConfig& config);
/// What the dimensions of its parameters are.
void own_head_axes(Axes& axes, const OwnHead& head);
/// What a user should know who writes such a model; empty for the architecture's own heads.
std::string own_head_note(const ModelConfig& config);

}  // namespace retort
