// Models from and to Hugging Face directories.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nn/model.h"

namespace retort {

struct LoadOptions {
  /// Weights become constants, used where they lie in the mapped file: a teacher. Matrices in bf16
  /// stay what they are, and products with them round the other operand to bf16 too (sums are in
  /// f32).
  bool frozen = false;
  /// The classification head is made anew even where the file has one.
  bool fresh_head = false;
  /// What the file has of the head in other sizes is made anew instead of being an error
  /// (transformers' ignore_mismatched_sizes).
  bool resize_head = false;
  /// For what has to be made: a fresh head, a missing pooler.
  std::uint64_t seed = 42;
  /// FROM=TO: how names in the file become those that the model looks for (see Renames).
  std::vector<std::string> rename = {};
};

/// What a user should know about a loaded directory.
struct LoadReport {
  std::vector<std::string> fresh;   ///< parameters that were initialised
  std::string fresh_head;           ///< one of them that is the head's; empty if there is none
  std::vector<std::string> unused;  ///< tensors in the file that the model doesn't have
  /// Those of the fresh ones that the file has in another size: "classifier.weight: [2, 8] in the
  /// file, [3, 8] here".
  std::vector<std::string> resized;
};

/// The report as lines for a user, each beginning with `path`; none where all went as it should.
std::vector<std::string> report_lines(const LoadReport& report, const std::filesystem::path& path);

/// Error: the head of the directory `path` was initialised.
void check_trained_head(const LoadReport& report, const std::filesystem::path& path);

struct LoadedModel {
  std::unique_ptr<Model> model;
  LoadReport report;
};

/// Reads DIR's weights into the model that `config` describes, except that a language-model head
/// has a table of its own where the files hold one that isn't the table of words. Names may lack
/// the base prefix (a body alone) or have it where the model doesn't, and may use the old
/// gamma/beta; f16, bf16 and f64 files are converted to f32. Missing head or pooler weights are
/// initialised and reported. Errors: any other weight is missing, a shape differs (names the
/// tensor, both shapes and the file), two names of one parameter hold different numbers, and those
/// of WeightFiles.
LoadedModel load_model(const std::filesystem::path& directory, const ModelConfig& config,
                       const LoadOptions& options = {});
/// With the directory's own config.json.
LoadedModel load_model(const std::filesystem::path& directory, const LoadOptions& options = {});

/// A model with every parameter initialised from the seed. Error: that of check_fits_memory().
std::unique_ptr<Model> random_model(const ModelConfig& config, std::uint64_t seed);

/// Writes the weights (see write_weights), then config.json.
void save_model(const Model& model, const std::filesystem::path& directory);

}  // namespace retort
