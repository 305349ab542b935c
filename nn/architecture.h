// What an architecture consists of. Adding one is a file in nn/models/ and a line in
// architectures.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/axes.h"
#include "nn/body.h"
#include "nn/config.h"
#include "nn/config_keys.h"
#include "nn/head.h"
#include "nn/parameter.h"

namespace retort {

struct Architecture {
  const char* model_type;    ///< of config.json: "distilbert"
  const char* class_prefix;  ///< of transformers' classes: "DistilBert"
  const char* base_prefix;   ///< of the body's parameters in a model with a head: "distilbert"
  Task usual_task;           ///< of a config.json without `architectures`
  /// Whether the class of this head holds the body's parameters without the prefix; null: none
  /// does.
  bool (*unprefixed)(Task task) = nullptr;
  /// Its class of causal language models, where that isn't the prefix and "ForCausalLM".
  const char* causal_lm_class = nullptr;
  /// What its class for sentence embedding ends with: of an encoder-decoder that of the encoder
  /// alone.
  const char* embedding_suffix = "Model";
  /// The key of the deviation with which parameters are made.
  const char* initializer = "initializer_range";
  /// A language-model head uses the table of words unless the weight files have another one,
  /// whatever config.json says (T5).
  bool tied_by_files = false;
  /// Values of keys that a file lacks, where they aren't ModelConfig's own.
  void (*defaults)(ModelConfig& config);
  /// Lists the architecture's keys, for reading and writing; config.cpp does those that all have.
  void (*keys)(ConfigKeys& keys, ModelConfig& config);
  /// Makes the body, adding its parameters to `scope`. The scope has the base prefix, or none for a
  /// body alone, as transformers' state dicts.
  std::unique_ptr<Body> (*make_body)(const Scope& scope, const ModelConfig& config);
  /// The head for config.task. root: without prefix; body: where the body's parameters are. Error:
  /// the architecture has no such head.
  Head (*make_head)(const Scope& root, const Scope& body_scope, const ModelConfig& config,
                    Body& body);
  /// What the names of a layer's parameters have before its number, from the body's scope on; null
  /// where layers have none of their own.
  const char* layers = nullptr;
  const char* decoder_layers = nullptr;  ///< likewise of an encoder-decoder's decoder
  /// Makes the config that of a model with these layers (counted from 1) of config's model, whose
  /// number of layers is set afterwards; null: that is all that changes. Error: those layers alone
  /// make no such model.
  void (*keep_layers)(ModelConfig& config, const std::vector<int>& layers) = nullptr;
  /// Under which of the numbers behind `layers` the parameters of layer `layer`, from 0, stand,
  /// where layers share them (ALBERT).
  int (*layer_place)(const ModelConfig& config, int layer) = nullptr;
  /// Says what the dimensions of all parameters are; null: students have the teacher's sizes.
  void (*axes)(Axes& axes, const ModelConfig& config) = nullptr;
  /// Fits a student's other sizes to those that were chosen (hidden, heads, feed-forward),
  /// `teacher` being the config that it was made from; null: there are none. Error: there is no
  /// such model.
  void (*resize)(ModelConfig& student, const ModelConfig& teacher) = nullptr;
  /// Makes the architecture's own sequence classifier work on what `pooling` says, which
  /// config.json then says; false: it can't. Null: it never can.
  bool (*set_pooling)(ModelConfig& config, Pooling pooling) = nullptr;
};

/// Error, beginning with `where`: there is no such model_type.
const Architecture& find_architecture(const std::string& model_type, const std::string& where);
/// "bert, distilbert, …".
std::string architecture_names();
/// transformers' class: "BertForMaskedLM".
std::string class_name(const Architecture& architecture, Task task);
/// The error of make_head.
[[noreturn]] void fail_no_head(const ModelConfig& config);

}  // namespace retort
