// Properties of code points in Unicode 16, as the reference's regular expressions see them (and the
// grapheme clusters of its Precompiled normaliser). See make_unicode16_tables.py for the sources.
#pragma once

#include <cstddef>
#include <cstdint>

namespace retort::unicode {

// General categories, in the order of the generator.
enum class Category : std::uint8_t {
  kCn,
  kLu,
  kLl,
  kLt,
  kLm,
  kLo,
  kMn,
  kMc,
  kMe,
  kNd,
  kNl,
  kNo,
  kPc,
  kPd,
  kPs,
  kPe,
  kPi,
  kPf,
  kPo,
  kSm,
  kSc,
  kSk,
  kSo,
  kZs,
  kZl,
  kZp,
  kCc,
  kCf,
  kCs,
  kCo,
};

// Grapheme_Cluster_Break, the low four bits of Properties16::grapheme.
enum class GraphemeClass : std::uint8_t {
  kOther,
  kCr,
  kLf,
  kControl,
  kExtend,
  kZwj,
  kRegionalIndicator,
  kPrepend,
  kSpacingMark,
  kL,
  kV,
  kT,
  kLv,
  kLvt,
};
enum GraphemeBit : std::uint8_t {
  kPictographic = 16,
  kConjunctConsonant = 32,
  kConjunctLinker = 64,
  kConjunctExtend = 128,
};

enum Flag16 : std::uint8_t {
  kWord16 = 1,   // \w of Oniguruma
  kSpace16 = 2,  // \s, which is White_Space
  kAlphabetic = 4,
  kLowercase = 8,
  kUppercase = 16,
  kEmoji = 32,
};

struct Properties16 {
  std::uint8_t category;       // a Category
  std::uint8_t script;         // index in kScriptNames
  std::uint8_t grapheme;       // GraphemeClass and GraphemeBits
  std::uint8_t flags;          // Flag16
  std::uint8_t script9;        // of Unicode 9, for the UnicodeScripts pre-tokenizer
  std::int32_t fold_distance;  // simple case folding minus the character
};

extern const Properties16 kRecords16[];
extern const std::uint16_t kBlocks16[];    // by code point / 128
extern const std::uint16_t kRecordOf16[];  // by block and code point % 128
extern const char* const kScriptNames[];   // [0] is Unknown
extern const int kScriptCount;

/// The properties of a code point up to U+10FFFF.
inline const Properties16& properties16(char32_t c) {
  return kRecords16[kRecordOf16[kBlocks16[c >> 7] * std::size_t{128} + (c & 127)]];
}

/// A set of general categories, one bit each.
using CategorySet = std::uint32_t;
constexpr CategorySet category_bit(Category category) {
  return CategorySet{1} << static_cast<int>(category);
}
constexpr CategorySet category_bit(std::uint8_t category) { return CategorySet{1} << category; }
constexpr CategorySet category_range(Category first, Category last) {
  return (category_bit(last) << 1) - category_bit(first);
}
constexpr CategorySet kLetters = category_range(Category::kLu, Category::kLo);
constexpr CategorySet kMarks = category_range(Category::kMn, Category::kMe);
constexpr CategorySet kNumbers = category_range(Category::kNd, Category::kNo);
constexpr CategorySet kPunctuations = category_range(Category::kPc, Category::kPo);
constexpr CategorySet kSymbols = category_range(Category::kSm, Category::kSo);
constexpr CategorySet kSeparators = category_range(Category::kZs, Category::kZp);
constexpr CategorySet kOthers =
    category_range(Category::kCc, Category::kCo) | category_bit(Category::kCn);

inline bool is_in(CategorySet set, char32_t c) {
  return (set & category_bit(properties16(c).category)) != 0;
}

/// \p{L}, \p{N} and \s.
inline bool is_letter(char32_t c) { return is_in(kLetters, c); }
inline bool is_number(char32_t c) { return is_in(kNumbers, c); }
inline bool is_space(char32_t c) { return (properties16(c).flags & kSpace16) != 0; }

inline char32_t fold(char32_t c) {
  return static_cast<char32_t>(static_cast<std::int32_t>(c) + properties16(c).fold_distance);
}

}  // namespace retort::unicode
