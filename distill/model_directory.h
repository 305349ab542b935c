// A model directory as Retort keeps it: weights, config, tokenizer, and retort.json with what only
// Retort needs to know.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "distill/companion_files.h"
#include "nn/config.h"
#include "nn/model.h"
#include "tokenizer/tokenizer.h"

namespace retort {

/// How two texts become one sequence: segments ([CLS] a [SEP] b [SEP] with token types 0 and 1), or
/// joined ("a [SEP] b" written as one text, token types 0).
enum class PairStyle { segments, joined };
/// What stands between joined texts.
inline constexpr const char* kPairJoiner = " [SEP] ";
PairStyle parse_pair_style(const std::string& text);
const char* name(PairStyle style);

/// What a label is, as --problem spells it: single-label, multi-label, regression.
Problem parse_problem(const std::string& text);
const char* flag_name(Problem problem);

/// retort.json. A directory without one was made elsewhere.
struct DirectoryFacts {
  bool random = false;      ///< initialised at random and never trained
  bool fresh_head = false;  ///< the head was made anew and never trained
  int max_length = 0;   ///< what it was trained with; 0: unknown
  PairStyle pair_style = PairStyle::segments;

  static DirectoryFacts read(const std::filesystem::path& directory);
  void write(const std::filesystem::path& directory) const;
  /// What whoever runs the model of `directory` should know: that its head's answers, or all of it,
  /// are chance. Empty where nothing is wrong.
  std::vector<std::string> warnings(const std::filesystem::path& directory) const;
};

/// What describes a model besides its weights.
struct ModelDirectory {
  std::filesystem::path path;
  ModelConfig config;
  Tokenizer tokenizer;
  DirectoryFacts facts;

  /// Errors: a file is missing or bad; the tokenizer's ids don't fit the config's vocab_size.
  static ModelDirectory open(const std::filesystem::path& path);
  /// A directory that is to classify, whatever its config says that it is for: single labels where
  /// that is something else.
  static ModelDirectory open_classifier(const std::filesystem::path& path);

  /// The number of tokens that texts are cut to: `wanted` (0: not given), else what the directory was
  /// trained with, else min(128, positions). Errors: more than the model has positions, fewer than 4.
  int max_length(int wanted) const;
};

/// Errors unless ids of `tokenizer` and rows of the model's table fit: more pieces than rows would
/// read beyond the table; many fewer mean another vocabulary.
void check_vocabulary(const Tokenizer& tokenizer, const ModelConfig& config, const std::string& where);

/// Writes a whole directory, file by file: weights, config, tokenizer files, facts, and what another
/// directory had for those who write with the model.
void write_model_directory(const std::filesystem::path& path, const Model& model,
                           const Tokenizer& tokenizer, const DirectoryFacts& facts,
                           const CompanionFiles& companions = {});

/// Error unless a new model may be written as `path`: nothing is there, an empty folder or, with
/// `overwrite`, a folder with a model and nothing else.
void check_new_model_directory(const std::filesystem::path& path, bool overwrite);
/// The same as a whole: built as a hidden sibling and renamed (see replace_directory), so that `path`
/// is either what it was or the new model. `proceed` is asked before that; false: nothing is left.
/// Errors: those of check_new_model_directory.
void create_model_directory(const std::filesystem::path& path, const Model& model,
                            const Tokenizer& tokenizer, const DirectoryFacts& facts,
                            const CompanionFiles& companions, bool overwrite,
                            const std::function<bool()>& proceed);

}  // namespace retort
