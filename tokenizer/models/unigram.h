// Unigram: the splitting whose pieces have the highest sum of scores (SentencePiece's, of T5 and
// others).
#pragma once

#include <array>

#include "tokenizer/byte_trie.h"
#include "tokenizer/models/model.h"

namespace retort {

class Unigram : public TokenModel {
 public:
  /// `scores` by id. What no piece covers becomes `unk_id` (or bytes, <0x00> to <0xFF>, if asked
  /// for and if they are all there). Errors: scores and vocabulary of different lengths, an unk_id
  /// out of range.
  Unigram(Vocabulary vocabulary, std::vector<double> scores, std::optional<std::int32_t> unk_id,
          bool byte_fallback, const std::string& name);

  /// Error: something unknown when there is no unk_id.
  void tokenize(std::string_view piece, std::vector<Token>& tokens) const override;
  std::string_view token_text(const Token& token, std::string_view piece) const override {
    return unk_id_ && token.id == *unk_id_ ? piece.substr(token.begin, token.end - token.begin)
                                           : vocabulary_.text(token.id);
  }
  Json to_json() const override;
  std::string difference(const TokenModel& other) const override;
  std::optional<std::int32_t> unk_id() const override { return unk_id_; }

 private:
  void add_unknown(const Token& part, std::string_view piece, std::vector<Token>& tokens) const;

  std::vector<double> scores_;
  std::optional<std::int32_t> unk_id_;
  bool byte_fallback_;
  double unk_score_;
  ByteTrie trie_;
  std::array<std::int32_t, 256> byte_ids_{};
};

}  // namespace retort
