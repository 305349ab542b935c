// From the text of a regular expression to its program.
#include <algorithm>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/regex/regex.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

constexpr std::uint32_t kNoLimit = static_cast<std::uint32_t>(-1);
constexpr std::uint32_t kMaxRepeat = 1000;
constexpr std::size_t kMaxProgram = 100000;
constexpr int kMaxDepth = 200;

struct Node {
  enum class Kind {
    kEmpty,
    kSet,
    kAny,
    kAssert,
    kSequence,
    kAlternatives,
    kRepeat,
    kLook,
    kAtomic
  };
  enum class Mode { kGreedy, kLazy, kPossessive };
  Kind kind = Kind::kEmpty;
  std::uint32_t value =
      0;  // a set's number, an assertion's or look's Op, whether any takes a line feed
  std::uint32_t min = 0, max = 0;
  Mode mode = Mode::kGreedy;
  std::vector<Node> children;
};

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
  RegexParser(Regex& regex, std::string_view pattern) : regex_(regex), text_(pattern) {}

  void run() {
    const std::size_t invalid = unicode::find_invalid_utf8(text_);
    check(invalid == std::string_view::npos, where(), "is not valid UTF-8 at byte ", invalid);
    const Node root = alternatives();
    check(at_ == text_.size(), where(), "has an unmatched )");
    emit(root);
    add(Regex::Op::kAccept);
  }

 private:
  using Op = Regex::Op;
  using Kind = Node::Kind;

  std::string where() const { return "the regular expression " + std::string(text_) + " "; }
  [[noreturn]] void unsupported(std::string_view construct) const {
    fail(where(), "has ", construct, " at byte ", at_, ", which is not supported");
  }

  bool more() const { return at_ < text_.size(); }
  bool eat(std::string_view expected) {
    if (!text_.substr(at_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }
  char32_t next() {
    check(more(), where(), "ends too early");
    const char* at = text_.data() + at_;
    const char32_t c = unicode::decode(at);
    at_ = static_cast<std::size_t>(at - text_.data());
    return c;
  }

  // --- structure ---

  Node alternatives() {
    check(++depth_ <= kMaxDepth, where(), "is nested deeper than ", kMaxDepth);
    const bool ignore_case = ignore_case_, dot_all = dot_all_;
    Node result{Kind::kAlternatives, 0, 0, 0, Node::Mode::kGreedy, {}};
    do result.children.push_back(sequence());
    while (eat("|"));
    ignore_case_ = ignore_case;
    dot_all_ = dot_all;
    --depth_;
    return result.children.size() == 1 ? std::move(result.children[0]) : result;
  }

  Node sequence() {
    Node result{Kind::kSequence, 0, 0, 0, Node::Mode::kGreedy, {}};
    while (more() && text_[at_] != '|' && text_[at_] != ')') {
      if (eat("(?")) {
        if (eat("#")) unsupported("a comment");
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
    const std::size_t begin = at_;
    bool ignore_case = ignore_case_, dot_all = dot_all_;
    if (!read_flags(ignore_case, dot_all) || !eat(")")) {
      at_ = begin;
      return false;
    }
    ignore_case_ = ignore_case;
    dot_all_ = dot_all;
    if (more() && text_[at_] != ')') sequence_so_far.children.push_back(alternatives());
    return true;
  }

  bool read_flags(bool& ignore_case, bool& dot_all) {
    bool value = true, any = false;
    for (; more() && text_[at_] != ')' && text_[at_] != ':'; ++at_) {
      const char c = text_[at_];
      if (c == '-') value = false;
      else if (c == 'i') ignore_case = value;
      else if (c == 'm') dot_all = value;
      else if (!any) return false;
      else unsupported("the flag " + std::string(1, c));
      any = true;
    }
    return any;
  }

  Node closed(Node node) {
    check(eat(")"), where(), "lacks a )");
    return node;
  }

  Node look(Op op) {
    Node node{Kind::kLook, static_cast<std::uint32_t>(op), 0, 0, Node::Mode::kGreedy, {}};
    node.children.push_back(closed(alternatives()));
    if (op == Op::kLookBehind || op == Op::kNotLookBehind) {
      std::tie(node.min, node.max) = lengths(node.children[0]);
      check(node.max != kNoLimit, where(),
            "looks behind at a text of any length, which is not supported");
    }
    return node;
  }

  // What follows "(?".
  Node group_extension() {
    if (eat(":")) return closed(alternatives());
    if (eat("=")) return look(Op::kLookAhead);
    if (eat("!")) return look(Op::kNotLookAhead);
    if (eat("<=")) return look(Op::kLookBehind);
    if (eat("<!")) return look(Op::kNotLookBehind);
    if (eat(">")) {
      Node node{Kind::kAtomic, 0, 0, 0, Node::Mode::kGreedy, {}};
      node.children.push_back(closed(alternatives()));
      return node;
    }
    bool ignore_case = ignore_case_, dot_all = dot_all_;
    if (!read_flags(ignore_case, dot_all) || !eat(":"))
      unsupported("the group (?" + std::string(text_.substr(at_, 1)));
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
      if (eat("*")) {
      } else if (eat("+")) {
        min = 1;
      } else if (eat("?")) {
        max = 1;
      } else if (read_interval(min, max)) {
        interval = true;
      } else {
        return node;
      }
      Node repeat{Kind::kRepeat, 0, min, max, Node::Mode::kGreedy, {}};
      if (eat("?")) repeat.mode = Node::Mode::kLazy;
      else if (!interval && eat("+")) repeat.mode = Node::Mode::kPossessive;
      repeat.children.push_back(std::move(node));
      node = std::move(repeat);
    }
  }

  // {2}, {2,}, {,3}, {2,3}; other braces are ordinary characters.
  bool read_interval(std::uint32_t& min, std::uint32_t& max) {
    const std::size_t begin = at_;
    if (!eat("{")) return false;
    const auto number = [&](std::uint32_t& value) {
      const std::size_t first = at_;
      std::uint32_t read = 0;
      for (; more() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
        read = read * 10 + static_cast<std::uint32_t>(text_[at_] - '0');
        check(read <= kMaxRepeat, where(), "repeats more than ", kMaxRepeat, " times");
      }
      if (at_ > first) value = read;
      return at_ > first;
    };
    min = 0;
    const bool has_min = number(min);
    bool has_max = false;
    max = min;
    if (eat(",")) {
      max = kNoLimit;
      has_max = number(max);
    }
    if ((has_min || has_max) && eat("}")) {
      check(min <= max, where(), "has a repetition whose least number is above its greatest");
      return true;
    }
    at_ = begin;
    return false;
  }

  // --- single characters ---

  Node atom() {
    if (text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '?')
      unsupported("a quantifier that follows nothing");
    if (eat("(")) return closed(alternatives());
    if (eat("[")) return set_node(char_class());
    if (eat(".")) return {Kind::kAny, dot_all_ ? 1u : 0u, 0, 0, Node::Mode::kGreedy, {}};
    if (eat("^")) return assertion(Op::kLineBegin);
    if (eat("$")) return assertion(Op::kLineEnd);
    if (eat("\\")) return escape();
    const std::size_t begin = at_;
    const char32_t c = next();
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
        unsupported("letters without case that one character may stand for");
    folded_ = folded;
    folded_end_ = at_;
  }

  Node set_node(CharClass set) {
    set.finish();
    regex_.sets_.push_back(std::move(set));
    return {
        Kind::kSet, static_cast<std::uint32_t>(regex_.sets_.size() - 1), 0, 0, Node::Mode::kGreedy,
        {}};
  }

  Node escape() {
    if (eat("A")) return assertion(Op::kTextBegin);
    if (eat("z")) return assertion(Op::kTextEnd);
    if (eat("Z")) return assertion(Op::kTextEndOrNewline);
    if (eat("b")) return assertion(Op::kWordBoundary);
    if (eat("B")) return assertion(Op::kNotWordBoundary);
    CharClass set;
    if (class_escape(set)) return set_node(std::move(set));
    return literal(character_escape());
  }

  // \p{...}, \s and their like; false: it is none of them.
  bool class_escape(CharClass& set) {
    check(more(), where(), "ends with a backslash");
    using unicode::Category;
    switch (text_[at_]) {
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
        if (text_[at_] == 'H') set.negate();
        break;
      case 'p':
      case 'P':
        return property_escape(set), true;
      default:
        return false;
    }
    ++at_;
    return true;
  }

  void property_escape(CharClass& set) {
    bool negated = text_[at_] == 'P';
    ++at_;
    check(eat("{"), where(), "lacks a { after \\p");
    if (eat("^")) negated = !negated;
    const std::size_t end = text_.find('}', at_);
    check(end != std::string_view::npos, where(), "lacks the } of \\p{");
    const std::string_view name = text_.substr(at_, end - at_);
    if (!add_property(set, name, negated))
      unsupported("the property \\p{" + std::string(name) + "}");
    at_ = end + 1;
  }

  char32_t hexadecimal(int least, int most) {
    char32_t value = 0;
    int digits = 0;
    for (; digits < most && more(); ++digits, ++at_) {
      const char c = text_[at_];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      value = value * 16 + static_cast<char32_t>(digit);
    }
    check(digits >= least && value < 0x110000, where(), "has a bad number of a character at byte ",
          at_);
    return value;
  }

  // The character that an escape stands for; the backslash is read.
  char32_t character_escape() {
    const char32_t c = next();
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
        if (!eat("{")) return hexadecimal(1, 2);
        const char32_t value = hexadecimal(1, 6);
        check(eat("}"), where(), "lacks the } of \\x{");
        return value;
      }
      default:
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
          unsupported("the escape \\" + std::string(1, static_cast<char>(c)));
        return c;
    }
  }

  // --- classes: what follows "[" ---

  CharClass char_class() {
    check(++depth_ <= kMaxDepth, where(), "is nested deeper than ", kMaxDepth);
    const bool negated = eat("^");
    CharClass all = class_part(true);
    while (eat("&&")) all.intersect(class_part(false));
    check(eat("]"), where(), "lacks a ]");
    --depth_;
    if (ignore_case_) all.fold_case();
    if (!negated) return all;
    CharClass result;
    result.add(std::move(all));
    result.negate();
    return result;
  }

  CharClass class_part(bool first_part) {
    CharClass set;
    for (bool first = first_part; more(); first = false) {
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with("&&") || (rest[0] == ']' && !first)) break;
      if (rest.starts_with("[:")) {
        posix_class(set);
      } else if (eat("[")) {
        set.add(char_class());
      } else {
        class_range(set);
      }
    }
    return set;
  }

  void posix_class(CharClass& set) {
    at_ += 2;
    const bool negated = eat("^");
    const std::size_t end = text_.find(":]", at_);
    check(end != std::string_view::npos, where(), "lacks a :]");
    const std::string_view name = text_.substr(at_, end - at_);
    if (!add_property(set, name, negated)) unsupported("the class [:" + std::string(name) + ":]");
    at_ = end + 2;
  }

  void class_range(CharClass& set) {
    if (eat("\\")) {
      if (class_escape(set)) return;
      if (eat("b")) return set.add_range('\b', '\b');
      return range_from(character_escape(), set);
    }
    range_from(next(), set);
  }

  void range_from(char32_t first, CharClass& set) {
    const std::string_view rest = text_.substr(at_);
    if (rest.size() < 2 || rest[0] != '-' || rest[1] == ']') return set.add_range(first, first);
    ++at_;
    if (text_[at_] == '[') unsupported("a range that ends in a class");
    const char32_t last = eat("\\") ? character_escape() : next();
    check(first <= last, where(), "has a range that runs backwards, before byte ", at_);
    set.add_range(first, last);
  }

  // --- the program ---

  std::uint32_t here() const { return static_cast<std::uint32_t>(regex_.program_.size()); }
  std::uint32_t add(Op op, std::uint32_t a = 0, std::uint32_t b = 0, std::uint32_t c = 0) {
    check(regex_.program_.size() < kMaxProgram, where(), "is too long");
    regex_.program_.push_back({op, a, b, c});
    return here() - 1;
  }

  void emit(const Node& node) {
    switch (node.kind) {
      case Kind::kEmpty:
        break;
      case Kind::kSet:
        add(Op::kSet, node.value);
        break;
      case Kind::kAny:
        add(Op::kAny, node.value);
        break;
      case Kind::kAssert:
        add(static_cast<Op>(node.value));
        break;
      case Kind::kSequence:
        for (const Node& child : node.children) emit(child);
        break;
      case Kind::kAlternatives:
        emit_alternatives(node);
        break;
      case Kind::kRepeat:
        emit_repeat(node);
        break;
      case Kind::kLook:
      case Kind::kAtomic: {
        const Op op = node.kind == Kind::kAtomic ? Op::kAtomic : static_cast<Op>(node.value);
        const std::uint32_t start = add(op, 0, node.min, node.max);
        emit(node.children[0]);
        add(Op::kAccept);
        regex_.program_[start].a = here();
        break;
      }
    }
  }

  void emit_alternatives(const Node& node) {
    std::vector<std::uint32_t> ends;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const bool last = i + 1 == node.children.size();
      const std::uint32_t split = last ? 0 : add(Op::kSplit, here() + 1);
      emit(node.children[i]);
      if (last) break;
      ends.push_back(add(Op::kJump));
      regex_.program_[split].b = here();
    }
    for (const std::uint32_t end : ends) regex_.program_[end].a = here();
  }

  void emit_repeat(const Node& node) {
    const Node& child = node.children[0];
    const bool lazy = node.mode == Node::Mode::kLazy,
               possessive = node.mode == Node::Mode::kPossessive;
    if (child.kind == Kind::kSet && node.max == kNoLimit && !lazy) {
      add(possessive ? Op::kRepeatSetAll : Op::kRepeatSet, child.value, node.min);
      return;
    }
    const std::uint32_t atomic = possessive ? add(Op::kAtomic) : 0;
    for (std::uint32_t i = 0; i < node.min; ++i) emit(child);
    // A split goes into the loop first, or out of it first when it is lazy.
    const auto split = [&] { return add(Op::kSplit, here() + 1, here() + 1); };
    const auto leave_to = [&](std::uint32_t from, std::uint32_t to) {
      (lazy ? regex_.program_[from].a : regex_.program_[from].b) = to;
    };
    if (node.max == kNoLimit) {
      const std::uint32_t slot = regex_.slots_++;
      const std::uint32_t loop = split();
      add(Op::kMark, slot);
      emit(child);
      add(Op::kCheckProgress, slot);
      add(Op::kJump, loop);
      leave_to(loop, here());
    } else {
      std::vector<std::uint32_t> splits;
      for (std::uint32_t i = node.min; i < node.max; ++i) {
        splits.push_back(split());
        emit(child);
      }
      for (const std::uint32_t from : splits) leave_to(from, here());
    }
    if (possessive) {
      add(Op::kAccept);
      regex_.program_[atomic].a = here();
    }
  }

  Regex& regex_;
  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
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
