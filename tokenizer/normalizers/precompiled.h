// Precompiled: SentencePiece's character map, a double array trie (darts-clone) and the texts that
// it points to.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/normalization.h"
#include "tokenizer/normalizers/normalizer.h"

namespace retort {

/// The reference's reading of the map: a grapheme cluster of less than six bytes is replaced as a
/// whole by what its SHORTEST prefix in the map maps to; in others each character is looked up
/// alone.
class Precompiled : public Normalizer {
 public:
  /// `map`: the blob, not in base64. Errors: a size or an offset that leads out of it.
  Precompiled(std::string_view map, const std::string& where);
  static Precompiled from_json(const Json& json, const std::string& where);

  void apply(AlignedText& text) const override;

 private:
  /// What the shortest prefix of `text` that the map has becomes.
  std::optional<std::string_view> transform(std::string_view text) const;
  /// Whether a text may begin there: inside of texts_, and not within a character.
  bool is_text(std::size_t at) const {
    return at < texts_.size() && (static_cast<unsigned char>(texts_[at]) & 0xC0) != 0x80;
  }
  template <class Put>
  bool each_cluster(std::string_view text, Put&& put) const;

  std::vector<std::uint32_t> units_;
  std::string texts_;                   // each ended by NUL
  std::array<bool, 128> ascii_same_{};  // ASCII characters that stay what they are
};

}  // namespace retort
