// The backtracking of regular expressions. An explicit stack: a long text can't overflow the
// program's.
#include <algorithm>

#include "tensor/base/error.h"
#include "tokenizer/regex/regex.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

std::size_t previous(std::string_view text, std::size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

}  // namespace

class RegexMatcher {
 public:
  RegexMatcher(const Regex& regex, std::string_view text)
      : regex_(regex),
        text_(text),
        slots_(regex.slots_),
        steps_left_(Regex::kStepsPerByte * (text.size() + 1)) {}

  /// The end of a match of the program at `pc` that begins at `at`, or npos.
  std::size_t match(std::uint32_t pc, std::size_t at) {
    const std::size_t base = stack_.size();
    for (;;) {
      check(steps_left_-- > 0, "the regular expression ", regex_.pattern_, " takes more than ",
            Regex::kStepsPerByte, " steps per byte on a text of ", text_.size(), " bytes");
      const Regex::Instruction& step = regex_.program_[pc];
      bool alive = true;
      switch (step.op) {
        case Regex::Op::kSet:
          alive = take(regex_.sets_[step.a], at);
          break;
        case Regex::Op::kAny:
          alive = take_any(step.a != 0, at);
          break;
        case Regex::Op::kRepeatSet:
        case Regex::Op::kRepeatSetAll:
          alive = repeat(step, pc, at);
          break;
        case Regex::Op::kSplit:
          stack_.push_back({step.b, at, at});
          pc = step.a;
          continue;
        case Regex::Op::kJump:
          pc = step.a;
          continue;
        case Regex::Op::kMark:
          stack_.push_back({kRestore | step.a, slots_[step.a], 0});
          slots_[step.a] = at;
          break;
        case Regex::Op::kCheckProgress:
          alive = slots_[step.a] != at;
          break;
        case Regex::Op::kLineBegin:
          alive = at == 0 || (text_[at - 1] == '\n' && at < text_.size());
          break;
        case Regex::Op::kLineEnd:
          alive = at == text_.size() || text_[at] == '\n';
          break;
        case Regex::Op::kTextBegin:
          alive = at == 0;
          break;
        case Regex::Op::kTextEnd:
          alive = at == text_.size();
          break;
        case Regex::Op::kTextEndOrNewline:
          alive = at == text_.size() || (at + 1 == text_.size() && text_[at] == '\n');
          break;
        case Regex::Op::kWordBoundary:
          alive = at_word_boundary(at);
          break;
        case Regex::Op::kNotWordBoundary:
          alive = !at_word_boundary(at);
          break;
        case Regex::Op::kLookAhead:
        case Regex::Op::kNotLookAhead:
          alive = (match(pc + 1, at) != kNone) == (step.op == Regex::Op::kLookAhead);
          if (alive) {
            pc = step.a;
            continue;
          }
          break;
        case Regex::Op::kLookBehind:
        case Regex::Op::kNotLookBehind:
          alive = look_behind(step, pc + 1, at) == (step.op == Regex::Op::kLookBehind);
          if (alive) {
            pc = step.a;
            continue;
          }
          break;
        case Regex::Op::kAtomic: {
          const std::size_t end = match(pc + 1, at);
          alive = end != kNone;
          if (alive) {
            at = end;
            pc = step.a;
            continue;
          }
          break;
        }
        case Regex::Op::kAccept:
          stack_.resize(base);
          return at;
      }
      if (alive) {
        ++pc;
        continue;
      }
      if (!backtrack(base, pc, at)) return kNone;
    }
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

 private:
  static constexpr std::uint32_t kRestore = 1u << 31;  // the entry restores a slot

  // Goes on at `pc` with any position from `high` down to `low`.
  struct Choice {
    std::uint32_t pc;
    std::size_t high, low;
  };

  bool backtrack(std::size_t base, std::uint32_t& pc, std::size_t& at) {
    while (stack_.size() > base) {
      Choice& last = stack_.back();
      if ((last.pc & kRestore) != 0) {
        slots_[last.pc & ~kRestore] = last.high;
        stack_.pop_back();
        continue;
      }
      pc = last.pc;
      at = last.high;
      if (last.high == last.low) stack_.pop_back();
      else last.high = previous(text_, last.high);
      return true;
    }
    return false;
  }

  bool take(const CharClass& set, std::size_t& at) const {
    if (at >= text_.size()) return false;
    const char* next = text_.data() + at;
    if (!set.matches(unicode::decode(next))) return false;
    at = static_cast<std::size_t>(next - text_.data());
    return true;
  }

  bool take_any(bool newline_too, std::size_t& at) const {
    if (at >= text_.size() || (text_[at] == '\n' && !newline_too)) return false;
    const char* next = text_.data() + at;
    unicode::decode(next);
    at = static_cast<std::size_t>(next - text_.data());
    return true;
  }

  bool repeat(const Regex::Instruction& step, std::uint32_t pc, std::size_t& at) {
    const CharClass& set = regex_.sets_[step.a];
    std::size_t count = 0, least = at;  // `least`: behind the characters that can't be given back
    while (take(set, at)) {
      ++count;
      if (count == step.b) least = at;
      check(steps_left_-- > 0, "the regular expression ", regex_.pattern_, " takes more than ",
            Regex::kStepsPerByte, " steps per byte on a text of ", text_.size(), " bytes");
    }
    if (count < step.b) return false;
    if (step.op == Regex::Op::kRepeatSet && least < at)
      stack_.push_back({pc + 1, previous(text_, at), least});
    return true;
  }

  bool look_behind(const Regex::Instruction& step, std::uint32_t pc, std::size_t at) {
    std::size_t from = at;
    for (std::uint32_t length = 0; length <= step.c; ++length) {
      if (length >= step.b && match(pc, from) == at) return true;
      if (from == 0) return false;
      from = previous(text_, from);
    }
    return false;
  }

  bool at_word_boundary(std::size_t at) const {
    const auto is_word = [](char32_t c) {
      return (unicode::properties16(c).flags & unicode::kWord16) != 0;
    };
    const bool before = at > 0 && is_word(unicode::decode_last(text_.data() + at));
    const char* next = text_.data() + at;
    return before != (at < text_.size() && is_word(unicode::decode(next)));
  }

  const Regex& regex_;
  std::string_view text_;
  std::vector<std::size_t> slots_;
  std::vector<Choice> stack_;
  std::size_t steps_left_;
};

std::vector<Regex::Match> Regex::find_all(std::string_view text) const {
  std::vector<Match> result;
  RegexMatcher matcher(*this, text);
  std::size_t last_end = RegexMatcher::kNone;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = matcher.match(0, at);
    if (end != RegexMatcher::kNone && (end > at || end != last_end)) {
      result.emplace_back(at, end);
      last_end = end;
      if (end > at) {
        at = end;
        continue;
      }
    }
    do ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  }
  return result;
}

}  // namespace retort
