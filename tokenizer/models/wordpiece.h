// WordPiece: a word becomes the longest vocabulary piece that starts it, then the longest
// continuation, and so on.
#pragma once

#include "tokenizer/byte_trie.h"
#include "tokenizer/models/model.h"

namespace retort {

class WordPiece : public TokenModel {
 public:
  /// `prefix` starts every piece that continues a word; a word of more than `max_characters`
  /// becomes `unk_token`, and so does one of which any part isn't in the vocabulary. Error: the
  /// vocabulary lacks `unk_token`.
  WordPiece(Vocabulary vocabulary, std::string unk_token, std::string prefix,
            std::size_t max_characters, const std::string& name);

  void tokenize(std::string_view piece, std::vector<Token>& tokens) const override;
  Json to_json() const override;
  std::string difference(const TokenModel& other) const override;
  std::optional<std::int32_t> unk_id() const override { return unk_id_; }

  const std::string& unk_token() const { return unk_token_; }
  const std::string& prefix() const { return prefix_; }
  std::size_t max_characters() const { return max_characters_; }

 private:
  std::string unk_token_, prefix_;
  std::size_t max_characters_;
  std::int32_t unk_id_;
  ByteTrie trie_;
  std::uint32_t continuation_;  // the node behind the prefix
  bool has_continuations_;
};

}  // namespace retort
