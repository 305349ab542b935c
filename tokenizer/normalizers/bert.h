// BertNormalizer: the text that BERT's WordPiece sees.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "tokenizer/normalizers/normalizer.h"

namespace retort {

/// Per code point and in this order: controls dropped and white space made U+0020 (clean_text),
/// spaces around ideographs, canonical decomposition with nonspacing marks dropped (strip_accents),
/// lower case.
class BertNormalizer : public Normalizer {
 public:
  BertNormalizer(bool clean_text, bool spaces_around_ideographs, bool strip_accents,
                 bool lowercase);
  static BertNormalizer from_json(const Json& json);

  void apply(AlignedText& text) const override;

  /// Appends the normalised text, without alignment and in one pass. Linear but for the sorting of
  /// combining marks that are not dropped.
  void append(std::string_view text, std::string& out) const;

 private:
  void apply_tracked(AlignedText& text) const;
  void apply_stages(AlignedText& text) const;

  bool clean_text_, spaces_around_ideographs_, strip_accents_, lowercase_;
  static constexpr char kDropped =
      '\x7F';                    // a control, hence never itself a result under clean_text
  std::array<char, 128> ascii_;  // what becomes of each ASCII character
};

}  // namespace retort
