// WordLevel: a piece is a token or it is unknown.
#pragma once

#include "tokenizer/models/model.h"

namespace retort {

class WordLevel : public TokenModel {
 public:
  WordLevel(Vocabulary vocabulary, std::string unk_token)
      : TokenModel(std::move(vocabulary)), unk_token_(std::move(unk_token)) {}

  /// Error: an unknown piece, when the vocabulary lacks the unknown token.
  void tokenize(std::string_view piece, std::vector<Token>& tokens) const override;
  Json to_json() const override;
  std::string difference(const TokenModel& other) const override;
  std::optional<std::int32_t> unk_id() const override;

 private:
  std::string unk_token_;
};

}  // namespace retort
