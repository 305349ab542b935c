// Text to ids and back to pieces, as BERT does it: the same ids as Hugging Face tokenizers 0.23.3.
//
// The parts lie side by side: added_tokens (found first), normalizer, pre_tokenizer, wordpiece (the
// model), post_processor (truncation and special tokens). This class holds one of each and knows no
// files beyond load() and save(); the readers make a TokenizerDefinition.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/definition.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/wordpiece.h"

namespace retort {

/// One encoded text or pair.
struct Encoding {
  std::vector<std::int32_t> ids, type_ids;  // of equal length
  bool truncated = false;                   // something of the text is not in ids
};

class Tokenizer {
 public:
  /// A model directory (tokenizer.json if there is one, else vocab.txt, with what
  /// tokenizer_config.json says: as transformers does, do_lower_case, strip_accents and
  /// tokenize_chinese_chars there win over tokenizer.json), or a tokenizer.json or vocab.txt file
  /// alone (a vocab.txt alone is lower-cased). Truncation and padding sections are not applied.
  /// Errors name the file and the line or token.
  static Tokenizer load(const std::filesystem::path& path);

  /// From pieces in id order; `name` (their file) starts every error message. Errors: an empty or
  /// repeated piece, a special token that isn't there.
  static Tokenizer from_vocab(std::vector<std::string> vocab, const TokenizerOptions& options,
                              const std::string& name = "the vocabulary");

  /// Compiles a definition; `name` (a file) starts every error message.
  Tokenizer(TokenizerDefinition definition, const std::string& name);

  /// The ids of a text, or of a pair, with special tokens. `max_length` counts those too; 0: no
  /// truncation; otherwise the longer sequence loses its end first. Errors: invalid UTF-8 (with the
  /// byte's offset), a max_length below the number of special tokens. Safe to call from several
  /// threads.
  Encoding encode(std::string_view text, std::optional<std::string_view> pair = {},
                  int max_length = 0) const;

  /// 1 + the largest id.
  std::int32_t vocab_size() const { return static_cast<std::int32_t>(tokens_.size()); }
  /// The piece with this id. Error: an id outside of 0 .. vocab_size() - 1.
  const std::string& token(std::int32_t id) const;
  std::optional<std::int32_t> id(std::string_view token) const;

  std::int32_t cls_id() const { return cls_id_; }
  std::int32_t sep_id() const { return sep_id_; }
  std::int32_t pad_id() const { return pad_id_; }
  std::int32_t unk_id() const { return unk_id_; }
  std::int32_t mask_id() const { return mask_id_; }

  const TokenizerOptions& options() const { return definition_.options; }
  const TokenizerDefinition& definition() const { return definition_; }

  /// Writes vocab.txt, tokenizer.json and tokenizer_config.json into `dir` (each whole or not at
  /// all), which transformers loads to the same ids. `model_type` is "bert" or "distilbert" (no
  /// token types among the model's inputs). Error: any other model type.
  void save(const std::filesystem::path& dir, std::string_view model_type) const;

  /// Empty when both give the same ids for every text; otherwise a sentence that names the first
  /// difference: "id 1012 is '.' here and '!' there".
  std::string difference(const Tokenizer& other) const;

 private:
  /// Appends the ids of `text` without special tokens.
  void append_ids(std::string_view text, const char* which, std::vector<std::int32_t>& ids) const;
  std::int32_t required_id(const std::string& token, const char* role,
                           const std::string& name) const;

  TokenizerDefinition definition_;
  std::vector<std::string> tokens_;  // by id, the added ones too
  BertNormalizer normalizer_;
  WordPiece model_;
  AddedTokens raw_added_, normalized_added_;
  std::int32_t cls_id_ = 0, sep_id_ = 0, pad_id_ = 0, unk_id_ = 0, mask_id_ = 0;
};

}  // namespace retort
