// The text of a regular expression while it is read, and the error messages about it.
#pragma once

#include <string>
#include <string_view>

#include "tensor/base/error.h"
#include "tokenizer/unicode.h"

namespace retort::regex {

/// A part of a pattern for a message, which is one line. (json_quote would double every backslash.)
inline std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += "\\n";
    else if (c == '\r') out += "\\r";
    else out += c;
  }
  return out;
}

struct PatternText {
  static constexpr int kMaxDepth = 200;

  std::string where() const { return "the regular expression " + shown(text) + " "; }
  [[noreturn]] void unsupported(std::string_view construct) const {
    fail(where(), "has ", shown(construct), " at byte ", at, ", which is not supported");
  }

  bool more() const { return at < text.size(); }
  char here() const { return text[at]; }
  std::string_view rest() const { return text.substr(at); }
  bool eat(std::string_view expected) {
    if (!rest().starts_with(expected)) return false;
    at += expected.size();
    return true;
  }
  char32_t next() {
    check(more(), where(), "ends too early");
    const char* behind = text.data() + at;
    const char32_t c = unicode::decode(behind);
    at = static_cast<std::size_t>(behind - text.data());
    return c;
  }
  /// Groups and classes count.
  void enter() { check(++depth <= kMaxDepth, where(), "is nested deeper than ", kMaxDepth); }
  void leave() { --depth; }

  std::string_view text;
  std::size_t at = 0;
  int depth = 0;
};

}  // namespace retort::regex
