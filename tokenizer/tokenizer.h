// Text to ids and back: the same ids, offsets and texts as Hugging Face tokenizers 0.23.3.
//
// The parts lie side by side, each in its folder: added_tokens (found first), normalizers,
// pre_tokenizers, models, processors (special tokens around sequences), decoders (the way back).
// This class holds one of each and knows no files beyond load() and save(); the readers make a
// TokenizerDefinition.
//
// Without details (see EncodeOptions) nothing keeps track of where tokens come from, which is
// faster; the ids are the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/decoders/decoder.h"
#include "tokenizer/definition.h"
#include "tokenizer/encoded_batch.h"
#include "tokenizer/encoding.h"
#include "tokenizer/normalizers/normalizer.h"
#include "tokenizer/pre_tokenizers/pre_tokenizer.h"
#include "tokenizer/processors/processor.h"
#include "tokenizer/raw_words.h"
#include "tokenizer/workspace.h"

namespace retort {

struct EncodeOptions {
  bool add_special_tokens = true;
  bool details = false;                  // offsets, words and masks as well
  bool texts = false;                    // with details: the tokens' texts too
  bool special_tokens_are_text = false;  // a special token that stands in the text isn't looked for
  std::optional<Truncation> truncation = {};
};

class DetailWriter;

class Tokenizer {
 public:
  /// A file or the directory of a model; see readers/load.cpp for what is looked for in which
  /// order. Truncation and padding sections are kept, but applied only when asked for. Errors name
  /// the file and the line, token or component.
  static Tokenizer load(const std::filesystem::path& path);

  /// BERT's, from pieces in id order; `name` (their file) starts every error message. Errors: an
  /// empty or repeated piece, a special token that isn't there.
  static Tokenizer from_vocab(const std::vector<std::string>& vocab,
                              const TokenizerOptions& options,
                              const std::string& name = "the vocabulary");

  /// Compiles a definition; `name` (a file) starts every error message.
  Tokenizer(TokenizerDefinition definition, const std::string& name);

  /// A text or a pair. Errors: invalid UTF-8 (with the byte's offset), a text of 4 GB, a truncation
  /// to fewer tokens than the special ones. Safe to call from several threads.
  Encoding encode(std::string_view text, std::optional<std::string_view> pair,
                  const EncodeOptions& options) const;
  /// The ids of a text or a pair, with special tokens. `max_length` counts those too; 0: no
  /// truncation; otherwise the longer sequence loses its end first. Errors as above, and a negative
  /// max_length.
  Encoding encode(std::string_view text, std::optional<std::string_view> pair = {},
                  int max_length = 0) const;

  /// Texts, or pairs where `pairs` isn't empty (then it is as long as `texts`), over thread_count()
  /// threads. What `batch` held is forgotten, but its memory is used again; after an error it is
  /// empty.
  void encode_batch(std::span<const std::string_view> texts,
                    std::span<const std::string_view> pairs, const EncodeOptions& options,
                    EncodedBatch& batch) const;

  /// The text that ids stand for. Ids that there aren't are passed over, as in the reference.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens = false) const;

  /// Adds tokens that aren't there yet; each takes its id from the model's vocabulary or the next
  /// free one.
  void add_tokens(const std::vector<AddedToken>& tokens);

  /// 1 + the largest id.
  std::int32_t vocab_size() const { return vocab_size_; }
  /// The piece with this id, empty for a gap. Error: an id outside of 0 .. vocab_size() - 1.
  std::string token(std::int32_t id) const;
  std::optional<std::int32_t> id(std::string_view token) const;

  // The ids of the special tokens that options() names; -1 where the vocabulary lacks one.
  std::int32_t cls_id() const { return id(options().cls_token).value_or(-1); }
  std::int32_t sep_id() const { return id(options().sep_token).value_or(-1); }
  std::int32_t pad_id() const { return id(options().pad_token).value_or(-1); }
  std::int32_t mask_id() const { return id(options().mask_token).value_or(-1); }
  std::int32_t unk_id() const { return definition_.model->unk_id().value_or(-1); }

  const TokenizerOptions& options() const { return definition_.options; }
  const TokenizerDefinition& definition() const { return definition_; }

  /// Writes tokenizer.json, tokenizer_config.json and (BERT's) vocab.txt into `dir`, each whole or
  /// not at all, which transformers loads to the same ids. `token_types`: whether they are among
  /// the inputs of the model, whose type is `model_type`.
  void save(const std::filesystem::path& dir, std::string_view model_type,
            bool token_types = true) const;

  /// Empty when both give the same ids for every text; otherwise a sentence that names the first
  /// difference: "id 1012 is '.' here and '!' there".
  std::string difference(const Tokenizer& other) const;

 private:
  void compile(const std::string& name);
  void check_text(std::string_view text, const char* which) const;
  void cut(std::string_view text, bool tracked, bool special_too, PreTokens& tokens) const;
  void cut_normalized(const AlignedText& text, bool special_too, PreTokens& tokens) const;
  Encoding encode_in(Workspace& workspace, std::string_view text,
                     std::optional<std::string_view> pair, const EncodeOptions& options) const;
  bool encode_into(EncodedBatch& batch, EncodedBatch::Part& part, std::size_t i,
                   std::string_view text, const EncodeOptions& options, std::size_t longest,
                   Workspace& workspace) const;
  void encode_sequence(std::string_view text, std::int32_t type_id, const EncodeOptions& options,
                       Workspace& workspace) const;
  RawWords::Rule raw_rule() const;
  void write_ids(std::string_view text, bool special_too, Workspace& workspace,
                 TokenLists& lists) const;
  void write_details(std::string_view text, bool special_too, Workspace& workspace,
                     DetailWriter& out) const;
  void normalize_word(PreTokens& tokens) const;
  void split_word(PreTokens& tokens) const;
  void tokenize_raw(std::string_view word, PreTokens& tokens, std::vector<Token>& made) const;
  template <class Part, class Word, class Found>
  void each_raw(std::string_view text, bool special_too, Part&& part, Word&& word,
                Found&& found) const;
  const ShortWords& as_they_stand() const;
  static std::string_view with_slack(std::string_view text, Workspace& workspace);
  void raw_ids(std::string_view text, bool special_too, Workspace& workspace,
               TokenLists& lists) const;
  void append_ids(Workspace& workspace, TokenLists& lists) const;
  bool raw_details(std::string_view original, bool special_too, Workspace& workspace,
                   DetailWriter& out) const;
  void append_details(Workspace& workspace, DetailWriter& out) const;
  void append_piece(const Piece& piece, Workspace& workspace, DetailWriter& out) const;
  bool append_raw_details(std::string_view word, std::uint32_t begin, bool first,
                          Workspace& workspace, DetailWriter& out) const;
  std::vector<AddedTokens::Pattern> patterns(bool normalized) const;

  TokenizerDefinition definition_;
  std::shared_ptr<const Normalizer> normalizer_;
  std::shared_ptr<const PreTokenizer> pre_tokenizer_;
  std::shared_ptr<const PostProcessor> processor_;
  std::shared_ptr<const Decoder> decoder_;
  AddedTokens raw_added_, normalized_added_;
  std::vector<std::pair<std::int32_t, std::size_t>>
      added_by_id_;  // id, place in definition_.added; sorted
  RawWords raw_words_;
  std::shared_ptr<WorkspacePool> workspaces_;
  std::int32_t vocab_size_ = 0;
  bool trims_ = false;           // the post-processor asks for blanks
  bool always_tracked_ = false;  // a piece's place in the original text decides what becomes of it
};

/// Text from ids that come one by one, as a model makes them: text is given out as soon as it is
/// whole characters that later ids don't change.
class DecodeStream {
 public:
  explicit DecodeStream(const Tokenizer& tokenizer, bool skip_special_tokens = false)
      : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens) {}
  /// What can be said after one more id; nothing when that isn't a whole character yet.
  std::optional<std::string> next(std::int32_t id);

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_tokens_;
  std::vector<std::int32_t> ids_;  // from a little before what was given out last
  std::string prefix_;             // their text as far as it was given out
  std::size_t prefix_ids_ = 0;
};

}  // namespace retort
