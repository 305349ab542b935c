// The four Unicode normalisation forms, Unicode 9.0 as the reference has it, with the change that
// each character is: 0 replaces one character of the input, n > 0 is an insertion, -n replaces 1 +
// n.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace retort::unicode {

struct Compatibility {
  char32_t code;
  std::uint16_t offset, length;  // in kCompatibilityPoints
};
struct Composition {
  char32_t first, second, composed;
};
struct MarkRange {
  char32_t first, last;
};

extern const Compatibility kCompatibilities[];  // where it isn't the canonical one; sorted
extern const int kCompatibilityCount;
extern const char32_t kCompatibilityPoints[];
extern const Composition kCompositions[];  // sorted; Hangul is computed
extern const int kCompositionCount;
extern const MarkRange kMarkRanges[];  // sorted
extern const int kMarkRangeCount;

/// General category M in Unicode 9, as the reference's StripAccents sees it.
bool is_mark(char32_t c);

/// The composition of two characters, or 0.
char32_t compose(char32_t first, char32_t second);

enum class Form { kNfd, kNfc, kNfkd, kNfkc };

struct Change {
  char32_t c;
  int change;
};

/// The characters of `text` (valid UTF-8) in this form. Linear but for the sorting of combining
/// marks.
std::vector<Change> normalize(std::string_view text, Form form);

/// Whether normalize() would certainly change nothing: a quick look, false when in doubt.
bool is_surely_normal(std::string_view text, Form form);

}  // namespace retort::unicode
