// What a model is: the splitting of a piece of text into tokens of a vocabulary.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/base/json.h"
#include "tokenizer/short_words.h"
#include "tokenizer/vocabulary.h"

namespace retort {

/// A token and the bytes of the piece that it stands for.
struct Token {
  std::int32_t id;
  std::uint32_t begin, end;
};

/// Whether tokens stand for all `size` bytes of a piece, one behind the other.
inline bool cover(std::span<const Token> tokens, std::size_t size) {
  std::uint32_t at = 0;
  for (const Token& token : tokens) {
    if (token.begin != at || token.end < at) return false;
    at = token.end;
  }
  return at == size;
}

class TokenModel {
 public:
  explicit TokenModel(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~TokenModel() = default;

  /// Appends the tokens of one piece (valid UTF-8, not empty; for byte-level models any bytes).
  virtual void tokenize(std::string_view piece, std::vector<Token>& tokens) const = 0;

  /// Asks to be given bytes instead of the characters by which byte-level pieces write them; false:
  /// it can't.
  virtual bool take_bytes() { return false; }

  /// The first place in `piece` behind its beginning where it may be cut so that both parts are
  /// tokenized as they are in the whole, or its length. (Words are looked up in a cache.)
  virtual std::size_t word_end(std::string_view piece) const { return piece.size(); }

  /// Pieces that are one token each, as far as they are short; may be empty. The others have to be
  /// tokenized.
  const ShortWords& short_words() const { return short_words_; }

  /// What the reference calls the text of a token of `piece`.
  virtual std::string_view token_text(const Token& token, std::string_view piece) const {
    static_cast<void>(piece);
    return vocabulary_.text(token.id);
  }

  /// The "model" of a tokenizer.json.
  virtual Json to_json() const = 0;
  /// What differs from another model, as a sentence; empty: nothing.
  virtual std::string difference(const TokenModel& other) const = 0;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  /// The token for what can't be tokenized, if there is one.
  virtual std::optional<std::int32_t> unk_id() const { return {}; }

 protected:
  Vocabulary vocabulary_;
  ShortWords short_words_;
};

/// The vocabulary as an object of ids by piece, in id order.
Json vocabulary_json(const Vocabulary& vocabulary);

}  // namespace retort
