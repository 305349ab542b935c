// From the text of a regular expression to its tree.
#include <algorithm>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/regex/class_parser.h"
#include "tokenizer/regex/compiler.h"
#include "tokenizer/regex/node.h"
#include "tokenizer/regex/pattern_text.h"
#include "tokenizer/regex/regex.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

using regex::kNoLimit;
using regex::Node;

constexpr std::uint32_t kMaxRepeat = 1000;

// The number of characters that a node can match; max kNoLimit: any.
std::pair<std::uint32_t, std::uint32_t> lengths(const Node& node) {
  using Kind = Node::Kind;
  std::pair<std::uint32_t, std::uint32_t> result{0, 0};
  const auto times = [](std::uint32_t a, std::uint32_t b) {
    const auto product = static_cast<std::uint64_t>(a) * b;
    return a == kNoLimit || b == kNoLimit || product > kMaxRepeat
               ? kNoLimit
               : static_cast<std::uint32_t>(product);
  };
  switch (node.kind) {
    case Kind::kSet:
    case Kind::kAny:
      return {1, 1};
    case Kind::kAlternatives:
      result = {kNoLimit, 0};
      for (const Node& child : node.children) {
        const auto [least, most] = lengths(child);
        result = {std::min(result.first, least), std::max(result.second, most)};
      }
      return result;
    case Kind::kSequence:
    case Kind::kAtomic:
      for (const Node& child : node.children) {
        const auto [least, most] = lengths(child);
        result.first = std::min(kMaxRepeat, result.first + std::min(least, kMaxRepeat));
        result.second =
            most == kNoLimit || result.second == kNoLimit ? kNoLimit : result.second + most;
      }
      return result;
    case Kind::kRepeat: {
      const auto [least, most] = lengths(node.children[0]);
      const std::uint32_t longest = most == 0 ? 0 : times(most, node.max);
      return {std::min(kMaxRepeat, times(least, node.min)), longest};
    }
    default:
      return result;
  }
}

}  // namespace

class RegexParser {
 public:
  RegexParser(Regex& regex, std::string_view pattern) : regex_(regex), text_{pattern} {}

  void run() {
    const std::size_t invalid = unicode::find_invalid_utf8(text_.text);
    check(invalid == std::string_view::npos, text_.where(), "is not valid UTF-8 at byte ", invalid);
    const Node root = alternatives();
    check(text_.at == text_.text.size(), text_.where(), "has an unmatched )");
    RegexCompiler(regex_, text_.where()).run(root);
  }

 private:
  using Op = Regex::Op;
  using Kind = Node::Kind;

  // --- structure ---

  Node alternatives() {
    text_.enter();
    const bool ignore_case = ignore_case_, dot_all = dot_all_;
    Node result{Kind::kAlternatives, 0, 0, 0, Node::Mode::kGreedy, {}};
    do result.children.push_back(sequence());
    while (text_.eat("|"));
    ignore_case_ = ignore_case;
    dot_all_ = dot_all;
    text_.leave();
    return result.children.size() == 1 ? std::move(result.children[0]) : result;
  }

  Node sequence() {
    Node result{Kind::kSequence, 0, 0, 0, Node::Mode::kGreedy, {}};
    while (text_.more() && text_.here() != '|' && text_.here() != ')') {
      if (text_.eat("(?")) {
        if (text_.eat("#")) text_.unsupported("a comment");
        if (flags_only(result)) continue;
        result.children.push_back(quantified(group_extension()));
      } else {
        result.children.push_back(quantified(atom()));
      }
    }
    return result;
  }

  // "i)" or "m)" or "i-m)" after "(?": the flags hold for the rest of the group, alternatives
  // included.
  bool flags_only(Node& sequence_so_far) {
    const std::size_t begin = text_.at;
    bool ignore_case = ignore_case_, dot_all = dot_all_;
    if (!read_flags(ignore_case, dot_all) || !text_.eat(")")) {
      text_.at = begin;
      return false;
    }
    ignore_case_ = ignore_case;
    dot_all_ = dot_all;
    if (text_.more() && text_.here() != ')') sequence_so_far.children.push_back(alternatives());
    return true;
  }

  bool read_flags(bool& ignore_case, bool& dot_all) {
    bool value = true, any = false;
    for (; text_.more() && text_.here() != ')' && text_.here() != ':'; ++text_.at) {
      const char c = text_.here();
      if (c == '-') value = false;
      else if (c == 'i') ignore_case = value;
      else if (c == 'm') dot_all = value;
      else if (!any) return false;
      else text_.unsupported("the flag " + std::string(1, c));
      any = true;
    }
    return any;
  }

  Node closed(Node node) {
    check(text_.eat(")"), text_.where(), "lacks a )");
    return node;
  }

  Node look(Op op) {
    Node node{Kind::kLook, static_cast<std::uint32_t>(op), 0, 0, Node::Mode::kGreedy, {}};
    node.children.push_back(closed(alternatives()));
    if (op == Op::kLookBehind || op == Op::kNotLookBehind) {
      std::tie(node.min, node.max) = lengths(node.children[0]);
      check(node.max != kNoLimit, text_.where(),
            "looks behind at a text of any length, which is not supported");
    }
    return node;
  }

  // What follows "(?".
  Node group_extension() {
    if (text_.eat(":")) return closed(alternatives());
    if (text_.eat("=")) return look(Op::kLookAhead);
    if (text_.eat("!")) return look(Op::kNotLookAhead);
    if (text_.eat("<=")) return look(Op::kLookBehind);
    if (text_.eat("<!")) return look(Op::kNotLookBehind);
    if (text_.eat(">")) {
      Node node{Kind::kAtomic, 0, 0, 0, Node::Mode::kGreedy, {}};
      node.children.push_back(closed(alternatives()));
      return node;
    }
    bool ignore_case = ignore_case_, dot_all = dot_all_;
    if (!read_flags(ignore_case, dot_all) || !text_.eat(":"))
      text_.unsupported("the group (?" + std::string(text_.rest().substr(0, 1)));
    std::swap(ignore_case, ignore_case_);
    std::swap(dot_all, dot_all_);
    Node node = closed(alternatives());
    ignore_case_ = ignore_case;
    dot_all_ = dot_all;
    return node;
  }

  Node quantified(Node node) {
    for (;;) {
      std::uint32_t min = 0, max = kNoLimit;
      bool interval = false;
      if (text_.eat("*")) {
      } else if (text_.eat("+")) {
        min = 1;
      } else if (text_.eat("?")) {
        max = 1;
      } else if (read_interval(min, max)) {
        interval = true;
      } else {
        return node;
      }
      Node repeat{Kind::kRepeat, 0, min, max, Node::Mode::kGreedy, {}};
      if (text_.eat("?")) repeat.mode = Node::Mode::kLazy;
      else if (!interval && text_.eat("+")) repeat.mode = Node::Mode::kPossessive;
      repeat.children.push_back(std::move(node));
      node = std::move(repeat);
    }
  }

  // {2}, {2,}, {,3}, {2,3}; other braces are ordinary characters.
  bool read_interval(std::uint32_t& min, std::uint32_t& max) {
    const std::size_t begin = text_.at;
    if (!text_.eat("{")) return false;
    const auto number = [&](std::uint32_t& value) {
      const std::size_t first = text_.at;
      std::uint32_t read = 0;
      for (; text_.more() && text_.here() >= '0' && text_.here() <= '9'; ++text_.at) {
        read = read * 10 + static_cast<std::uint32_t>(text_.here() - '0');
        check(read <= kMaxRepeat, text_.where(), "repeats more than ", kMaxRepeat, " times");
      }
      if (text_.at > first) value = read;
      return text_.at > first;
    };
    min = 0;
    const bool has_min = number(min);
    bool has_max = false;
    max = min;
    if (text_.eat(",")) {
      max = kNoLimit;
      has_max = number(max);
    }
    if ((has_min || has_max) && text_.eat("}")) {
      check(min <= max, text_.where(), "has a repetition whose least number is above its greatest");
      return true;
    }
    text_.at = begin;
    return false;
  }

  // --- single characters ---

  Node atom() {
    if (text_.here() == '*' || text_.here() == '+' || text_.here() == '?')
      text_.unsupported("a quantifier that follows nothing");
    if (text_.eat("(")) return closed(alternatives());
    if (text_.eat("[")) return set_node(classes_.char_class(ignore_case_));
    if (text_.eat(".")) return {Kind::kAny, dot_all_ ? 1u : 0u, 0, 0, Node::Mode::kGreedy, {}};
    if (text_.eat("^")) return assertion(Op::kLineBegin);
    if (text_.eat("$")) return assertion(Op::kLineEnd);
    if (text_.eat("\\")) return escape();
    const std::size_t begin = text_.at;
    const char32_t c = text_.next();
    check_folding(begin, c);
    return literal(c);
  }

  static Node assertion(Op op) {
    return {Kind::kAssert, static_cast<std::uint32_t>(op), 0, 0, Node::Mode::kGreedy, {}};
  }

  Node literal(char32_t c) {
    CharClass set;
    set.add_range(c, c);
    if (ignore_case_) set.fold_case();
    return set_node(std::move(set));
  }

  // Letters in a row that a single character folds to (ss and sharp s): Oniguruma matches that too,
  // we don't.
  void check_folding(std::size_t begin, char32_t c) {
    if (!ignore_case_) return;
    const bool several = c == 0xDF || c == 0x1E9E || (c >= 0xFB00 && c <= 0xFB06);
    const char32_t folded = unicode::fold(c);
    for (const std::u32string_view pair : {U"ss", U"ff", U"fi", U"fl", U"st"})
      if (several || (folded_end_ == begin && pair[0] == folded_ && pair[1] == folded))
        text_.unsupported("letters without case that one character may stand for");
    folded_ = folded;
    folded_end_ = text_.at;
  }

  Node set_node(CharClass set) {
    set.finish();
    regex_.sets_.push_back(std::move(set));
    return {
        Kind::kSet, static_cast<std::uint32_t>(regex_.sets_.size() - 1), 0, 0, Node::Mode::kGreedy,
        {}};
  }

  Node escape() {
    if (text_.eat("A")) return assertion(Op::kTextBegin);
    if (text_.eat("z")) return assertion(Op::kTextEnd);
    if (text_.eat("Z")) return assertion(Op::kTextEndOrNewline);
    if (text_.eat("b")) return assertion(Op::kWordBoundary);
    if (text_.eat("B")) return assertion(Op::kNotWordBoundary);
    CharClass set;
    if (classes_.class_escape(set)) return set_node(std::move(set));
    return literal(classes_.character_escape());
  }

  Regex& regex_;
  regex::PatternText text_;
  regex::ClassParser classes_{text_};
  bool ignore_case_ = false, dot_all_ = false;
  char32_t folded_ = 0;  // the last literal under ignore_case_, and where it ends
  std::size_t folded_end_ = 0;
};

Regex::Regex(std::string_view pattern) : pattern_(pattern) { RegexParser(*this, pattern_).run(); }

Regex Regex::literal(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}&-#~ ").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return Regex(pattern);
}

}  // namespace retort
