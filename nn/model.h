// What every model offers: parameters under Hugging Face's names, and one forward pass.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "autograd/variable.h"
#include "nn/batch.h"
#include "nn/config.h"
#include "nn/parameter.h"

namespace retort {

/// What a forward pass should give. Layers count from 1; 0 is the embedding output. The pass stops at
/// the deepest layer that is wanted.
struct Want {
  bool logits = true;
  std::set<int> hidden;
};

/// How a forward pass runs.
struct Context {
  bool training = false;  ///< dropout on
  std::uint64_t seed = 0;
  std::uint32_t step = 0;            ///< the optimiser step (for random bits)
  std::uint32_t first_token = 0;     ///< this batch's first token within the whole step
  std::uint32_t first_sequence = 0;  ///< this batch's first sequence within the whole step
};

struct Output {
  Variable logits;                 ///< [sequences, labels]
  std::map<int, Variable> hidden;  ///< [tokens, hidden], of the layers asked for
};

class Model {
 public:
  explicit Model(ModelConfig config) : config_(std::move(config)) {}
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  virtual Output forward(const Batch& batch, const Want& want, const Context& context) const = 0;
  /// Name prefixes of the classification head ("classifier.", …): what a fresh head replaces.
  virtual std::vector<std::string> head_prefixes() const = 0;
  /// The prefix that weights of a bare model lack: "bert." or "distilbert.".
  virtual std::string base_prefix() const = 0;

  const ModelConfig& config() const { return config_; }
  ModelConfig& config() { return config_; }
  ParameterList& parameters() { return parameters_; }
  const ParameterList& parameters() const { return parameters_; }
  BatchLimits limits() const {
    return {config_.vocab_size, config_.max_positions, config_.token_types};
  }

 protected:
  /// Errors when a layer beyond the last one is wanted.
  void check_want(const Want& want) const;

 private:
  ModelConfig config_;
  ParameterList parameters_;
};

/// The architecture that config.model_type names, with parameters that have no values yet.
std::unique_ptr<Model> make_model(const ModelConfig& config);

}  // namespace retort
