// config.json of an encoder: read, checked, written again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/base/json.h"

namespace retort {

/// BERT's and DistilBERT's configuration under one set of names.
struct ModelConfig {
  std::string model_type;  ///< "bert" or "distilbert"
  std::int64_t vocab_size = 30522;
  std::int64_t hidden_size = 768;
  std::int64_t layers = 12;
  std::int64_t heads = 12;
  std::int64_t intermediate_size = 3072;
  std::int64_t max_positions = 512;
  std::int64_t token_types = 2;  ///< 0: the model has none (DistilBERT)
  std::string activation = "gelu";
  double layer_norm_epsilon = 1e-12;
  double hidden_dropout = 0.1;
  double attention_dropout = 0.1;
  double classifier_dropout = 0.1;
  double initializer_range = 0.02;
  std::int64_t pad_token_id = 0;
  std::vector<std::string> labels = {"LABEL_0", "LABEL_1"};  ///< by id

  /// The file as it was read: keys that Retort doesn't use are written back.
  Json raw;

  std::int64_t num_labels() const { return static_cast<std::int64_t>(labels.size()); }
  /// Uses one probability for every kind of dropout (the --dropout flag).
  void set_dropout(double probability);

  /// Errors name the file and key: an unknown model_type or activation, sizes that are impossible or
  /// don't divide, a position embedding other than absolute, a decoder.
  static ModelConfig parse(const Json& json, const std::string& file);
  static ModelConfig read(const std::filesystem::path& directory);
  /// In transformers' keys for this model_type, with architectures and id2label/label2id.
  Json to_json() const;
};

}  // namespace retort
