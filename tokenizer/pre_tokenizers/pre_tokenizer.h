// What a pre-tokenizer is: a cutting of the text into pieces, which the model then splits further.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tensor/base/json.h"
#include "tokenizer/aligned_text.h"

namespace retort {

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Cuts every piece that isn't a token yet; some rewrite the text as well. No piece stays empty.
  virtual void apply(PreTokens& tokens) const = 0;
  /// Asks to leave bytes as they are instead of writing them as characters, if that is the last
  /// thing done. Returns whether it is.
  virtual bool keep_bytes() { return false; }
  /// Whether the result depends on where in the original text a piece stands, which is only known
  /// when the text is tracked.
  virtual bool needs_origins() const { return false; }

 protected:
  /// Calls `cut(piece, pieces)` for each piece that isn't a token; it appends what becomes of it.
  template <class Cut>
  static void each_piece(PreTokens& tokens, Cut&& cut) {
    std::vector<Piece> pieces;
    pieces.reserve(tokens.pieces.size() + tokens.text.bytes().size() / 4);
    for (const Piece& piece : tokens.pieces) {
      if (piece.token >= 0) pieces.push_back(piece);
      else cut(piece, pieces);
    }
    tokens.pieces.swap(pieces);
  }
};

/// From the "pre_tokenizer" of a tokenizer.json. `where` starts the error messages. Errors: an
/// unknown type or a bad field, each named.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json, const std::string& where);

}  // namespace retort
