// Characters and sets of them in the text of a regular expression: escapes and what stands in
// brackets.
#pragma once

#include "tokenizer/regex/char_class.h"
#include "tokenizer/regex/pattern_text.h"

namespace retort::regex {

class ClassParser {
 public:
  explicit ClassParser(PatternText& text) : text_(text) {}

  /// Adds \p{...}, \s and their like, of which the backslash is read; false: it is none of them.
  bool class_escape(CharClass& set);
  /// The character that an escape stands for; the backslash is read.
  char32_t character_escape();
  /// What follows "[".
  CharClass char_class(bool ignore_case);

 private:
  void property_escape(CharClass& set);
  char32_t hexadecimal(int least, int most);
  CharClass class_part(bool first_part, bool ignore_case);
  void posix_class(CharClass& set);
  void class_range(CharClass& set);
  void range_from(char32_t first, CharClass& set);

  PatternText& text_;
};

}  // namespace retort::regex
