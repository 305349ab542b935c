#include "tokenizer/regex/class_parser.h"

#include <utility>

namespace retort::regex {

bool ClassParser::class_escape(CharClass& set) {
  check(text_.more(), text_.where(), "ends with a backslash");
  using unicode::Category;
  switch (text_.here()) {
    case 's':
      set.add_flag(unicode::kSpace16, false);
      break;
    case 'S':
      set.add_flag(unicode::kSpace16, true);
      break;
    case 'w':
      set.add_flag(unicode::kWord16, false);
      break;
    case 'W':
      set.add_flag(unicode::kWord16, true);
      break;
    case 'd':
      set.add_categories(unicode::category_bit(Category::kNd), false);
      break;
    case 'D':
      set.add_categories(unicode::category_bit(Category::kNd), true);
      break;
    case 'h':
    case 'H':
      for (const auto& [first, last] : {std::pair{U'0', U'9'}, {U'a', U'f'}, {U'A', U'F'}})
        set.add_range(first, last);
      if (text_.here() == 'H') set.negate();
      break;
    case 'p':
    case 'P':
      return property_escape(set), true;
    default:
      return false;
  }
  ++text_.at;
  return true;
}

void ClassParser::property_escape(CharClass& set) {
  bool negated = text_.here() == 'P';
  ++text_.at;
  check(text_.eat("{"), text_.where(), "lacks a { after \\p");
  if (text_.eat("^")) negated = !negated;
  const std::size_t end = text_.text.find('}', text_.at);
  check(end != std::string_view::npos, text_.where(), "lacks the } of \\p{");
  const std::string_view name = text_.text.substr(text_.at, end - text_.at);
  if (!add_property(set, name, negated))
    text_.unsupported("the property \\p{" + std::string(name) + "}");
  text_.at = end + 1;
}

char32_t ClassParser::hexadecimal(int least, int most) {
  char32_t value = 0;
  int digits = 0;
  for (; digits < most && text_.more(); ++digits, ++text_.at) {
    const char c = text_.here();
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) break;
    value = value * 16 + static_cast<char32_t>(digit);
  }
  check(digits >= least && value < 0x110000, text_.where(),
        "has a bad number of a character at byte ", text_.at);
  return value;
}

char32_t ClassParser::character_escape() {
  const char32_t c = text_.next();
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case 'a':
      return '\a';
    case 'e':
      return 0x1B;
    case 'u':
      return hexadecimal(4, 4);
    case 'x': {
      if (!text_.eat("{")) return hexadecimal(1, 2);
      const char32_t value = hexadecimal(1, 6);
      check(text_.eat("}"), text_.where(), "lacks the } of \\x{");
      return value;
    }
    default:
      if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        text_.unsupported("the escape \\" + std::string(1, static_cast<char>(c)));
      return c;
  }
}

CharClass ClassParser::char_class(bool ignore_case) {
  text_.enter();
  const bool negated = text_.eat("^");
  CharClass all = class_part(true, ignore_case);
  while (text_.eat("&&")) all.intersect(class_part(false, ignore_case));
  check(text_.eat("]"), text_.where(), "lacks a ]");
  text_.leave();
  if (ignore_case) all.fold_case();
  if (!negated) return all;
  CharClass result;
  result.add(std::move(all));
  result.negate();
  return result;
}

CharClass ClassParser::class_part(bool first_part, bool ignore_case) {
  CharClass set;
  for (bool first = first_part; text_.more(); first = false) {
    const std::string_view rest = text_.rest();
    if (rest.starts_with("&&") || (rest[0] == ']' && !first)) break;
    if (rest.starts_with("[:")) {
      posix_class(set);
    } else if (text_.eat("[")) {
      set.add(char_class(ignore_case));
    } else {
      class_range(set);
    }
  }
  return set;
}

void ClassParser::posix_class(CharClass& set) {
  text_.at += 2;
  const bool negated = text_.eat("^");
  const std::size_t end = text_.text.find(":]", text_.at);
  check(end != std::string_view::npos, text_.where(), "lacks a :]");
  const std::string_view name = text_.text.substr(text_.at, end - text_.at);
  if (!add_property(set, name, negated))
    text_.unsupported("the class [:" + std::string(name) + ":]");
  text_.at = end + 2;
}

void ClassParser::class_range(CharClass& set) {
  if (text_.eat("\\")) {
    if (class_escape(set)) return;
    if (text_.eat("b")) return set.add_range('\b', '\b');
    return range_from(character_escape(), set);
  }
  range_from(text_.next(), set);
}

void ClassParser::range_from(char32_t first, CharClass& set) {
  const std::string_view rest = text_.rest();
  if (rest.size() < 2 || rest[0] != '-' || rest[1] == ']') return set.add_range(first, first);
  ++text_.at;
  if (text_.here() == '[') text_.unsupported("a range that ends in a class");
  const char32_t last = text_.eat("\\") ? character_escape() : text_.next();
  check(first <= last, text_.where(), "has a range that runs backwards, before byte ", text_.at);
  set.add_range(first, last);
}

}  // namespace retort::regex
