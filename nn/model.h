// A model: a body and perhaps a head, with their parameters under Hugging Face's names.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "nn/batch.h"
#include "nn/body.h"
#include "nn/config.h"
#include "nn/head.h"
#include "nn/parameter.h"

namespace retort {

class Model {
 public:
  /// The architecture and head that `config` names, with parameters that have no values yet. Error:
  /// the architecture has no such head.
  explicit Model(ModelConfig config);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// Errors: a layer or a stack of layers is wanted that there isn't; logits of a model without a
  /// head; an encoder-decoder's batch has no targets.
  Output forward(const Batch& batch, const Want& want, const Context& context) const;
  /// What the body's parameters begin with in a model with a head: "bert.".
  const std::string& base_prefix() const { return base_prefix_; }
  /// Whether they do in this one: those of a body alone don't, nor those of some heads' classes.
  bool prefixed() const { return prefixed_; }

  const ModelConfig& config() const { return config_; }
  ModelConfig& config() { return config_; }
  ParameterList& parameters() { return parameters_; }
  const ParameterList& parameters() const { return parameters_; }
  BatchLimits limits() const;

 private:
  ModelConfig config_;
  std::string base_prefix_;
  bool prefixed_;
  ParameterList parameters_;
  std::unique_ptr<Body> body_;
  std::optional<Head> head_;
};

std::unique_ptr<Model> make_model(const ModelConfig& config);

}  // namespace retort
