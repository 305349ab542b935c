#include "tokenizer/grapheme.h"

#include "tokenizer/unicode.h"
#include "tokenizer/unicode16.h"

namespace retort::unicode {
namespace {

using Class = GraphemeClass;

struct Kind {
  explicit Kind(char32_t c) : bits(properties16(c).grapheme) {}
  Class cluster_class() const { return static_cast<Class>(bits & 15); }
  std::uint8_t bits;
};

bool is_control(Class c) { return c == Class::kCr || c == Class::kLf || c == Class::kControl; }

// What rules GB9c, GB11 and GB12 need to know of the cluster so far.
struct Context {
  explicit Context(Kind first) { add(first); }

  void add(Kind kind) {
    const Class c = kind.cluster_class();
    regional_indicators = c == Class::kRegionalIndicator ? regional_indicators + 1 : 0;
    pictograph_joined = pictograph && c == Class::kZwj;
    pictograph = (kind.bits & kPictographic) != 0 || (pictograph && c == Class::kExtend);
    if ((kind.bits & kConjunctConsonant) != 0) {
      consonant = true;
      linked = false;
    } else if ((kind.bits & kConjunctLinker) != 0) {
      linked = consonant;
    } else if ((kind.bits & kConjunctExtend) == 0) {
      consonant = linked = false;
    }
    last = c;
  }

  bool joins(Kind next) const {
    const Class c = next.cluster_class();
    if (last == Class::kCr && c == Class::kLf) return true;  // GB3
    if (is_control(last) || is_control(c)) return false;     // GB4, 5
    if (last == Class::kL &&
        (c == Class::kL || c == Class::kV || c == Class::kLv || c == Class::kLvt))
      return true;  // GB6
    if ((last == Class::kLv || last == Class::kV) && (c == Class::kV || c == Class::kT))
      return true;
    if ((last == Class::kLvt || last == Class::kT) && c == Class::kT) return true;  // GB8
    if (c == Class::kExtend || c == Class::kZwj || c == Class::kSpacingMark)
      return true;                                                           // GB9, 9a
    if (last == Class::kPrepend) return true;                                // GB9b
    if (linked && (next.bits & kConjunctConsonant) != 0) return true;        // GB9c
    if (pictograph_joined && (next.bits & kPictographic) != 0) return true;  // GB11
    return c == Class::kRegionalIndicator && regional_indicators % 2 == 1;   // GB12, 13
  }

  Class last = Class::kOther;
  int regional_indicators = 0;
  bool pictograph = false, pictograph_joined = false, consonant = false, linked = false;
};

}  // namespace

std::size_t grapheme_end(std::string_view text, std::size_t at) {
  const auto is_ascii = [&](std::size_t i) { return static_cast<unsigned char>(text[i]) < 0x80; };
  if (is_ascii(at) && (at + 1 == text.size() || (is_ascii(at + 1) && text[at] != '\r')))
    return at + 1;
  const char* const end = text.data() + text.size();
  const char* next = text.data() + at;
  Context context{Kind(decode(next))};
  while (next < end) {
    const char* behind = next;
    const Kind kind(decode(behind));
    if (!context.joins(kind)) break;
    context.add(kind);
    next = behind;
  }
  return static_cast<std::size_t>(next - text.data());
}

}  // namespace retort::unicode
