// config.json: read, checked, written again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/own_head.h"
#include "nn/task.h"
#include "tensor/base/json.h"

namespace retort {

/// What the logits of a sequence classifier stand for.
enum class Problem { single_label, multi_label, regression };
/// As config.json spells it: "single_label_classification".
const char* name(Problem problem);

/// What only one family has: its file in nn/models/ derives from this.
struct FamilyConfig {
  virtual ~FamilyConfig() = default;
};

/// The configurations of all architectures under one set of names. What an architecture doesn't
/// have keeps its default.
struct ModelConfig {
  std::string model_type;  ///< picks the architecture: "bert"
  Task task = Task::sequence_classification;
  std::int64_t vocab_size = 30522;
  std::int64_t embedding_size = 0;  ///< columns of the table of words; 0: hidden_size
  std::int64_t hidden_size = 768;
  std::int64_t layers = 12;          ///< of the encoder, where there is a decoder, too
  std::int64_t decoder_layers = 0;   ///< of an encoder-decoder
  std::int64_t decoder_start_token_id = 0;  ///< with which an encoder-decoder begins to write
  std::int64_t heads = 12;
  std::int64_t kv_heads = 0;  ///< grouped heads; 0: as many as heads
  std::int64_t head_dim = 0;  ///< 0: hidden_size / heads
  std::int64_t intermediate_size = 3072;
  std::int64_t max_positions =
      512;  ///< rows of the position table, or what the model was trained for
  /// The first token's position. Models with one count tokens that aren't pad_token_id (RoBERTa).
  std::int64_t first_position = 0;
  std::int64_t token_types = 2;  ///< 0: the model has none (DistilBERT)
  std::string activation = "gelu";
  double norm_epsilon = 1e-12;
  double hidden_dropout = 0.1;
  double attention_dropout = 0.1;
  double embedding_dropout = 0.1;  ///< of the embedding output, where it isn't hidden_dropout
  double classifier_dropout = 0.1;
  double span_dropout = 0.1;  ///< DistilBERT's, before the ends of spans
  double initializer_range = 0.02;
  std::optional<std::int64_t> pad_token_id = 0;
  bool tie_word_embeddings = true;  ///< a language-model head uses the table of words
  Problem problem = Problem::single_label;
  std::vector<std::string> labels = {"LABEL_0", "LABEL_1"};  ///< by id
  /// The sequence classifier, where it isn't the architecture's own.
  std::optional<OwnHead> own_head;

  std::shared_ptr<const FamilyConfig> family;  ///< null: that family's defaults

  /// The file as it was read: keys that Retort doesn't use are written back.
  Json raw;

  std::int64_t num_labels() const { return static_cast<std::int64_t>(labels.size()); }
  std::int64_t head_size() const { return head_dim > 0 ? head_dim : hidden_size / heads; }
  std::int64_t embedding_columns() const {
    return embedding_size > 0 ? embedding_size : hidden_size;
  }
  std::int64_t key_heads() const { return kv_heads > 0 ? kv_heads : heads; }
  /// Heads that work on a text's own tokens do without an encoder-decoder's decoder.
  Targets targets() const;
  bool has_decoder() const { return targets() != Targets::none; }
  /// How long a sequence may be.
  std::int64_t max_tokens() const { return max_positions - first_position; }
  /// The family's own facts, of the type that its file defines.
  template <class Family>
  Family family_as() const {
    const auto* found = dynamic_cast<const Family*>(family.get());
    return found ? *found : Family();
  }
  /// Uses one probability for every kind of dropout (the --dropout flag).
  void set_dropout(double probability);

  /// `architectures` picks the task. Errors name the file and key: an unknown model_type or
  /// activation, sizes that are impossible or don't divide, what the architecture has in one form
  /// only.
  static ModelConfig parse(const Json& json, const std::string& file);
  static ModelConfig read(const std::filesystem::path& directory);
  /// In transformers' keys for this model_type, with architectures and id2label/label2id.
  Json to_json() const;
};

}  // namespace retort
