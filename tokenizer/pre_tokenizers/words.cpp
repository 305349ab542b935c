#include "tokenizer/pre_tokenizers/words.h"

#include <array>
#include <string_view>

#include "tensor/base/error.h"
#include "tokenizer/unicode.h"
#include "tokenizer/unicode16.h"

namespace retort {
namespace {

int flags(char32_t c) { return unicode::properties(c).flags; }

// Calls visit(begin, end, character) for each character of a piece; offsets in the text.
template <class Visit>
void each_character(const PreTokens& tokens, const Piece& piece, Visit&& visit) {
  const char* const data = tokens.text.bytes().data();
  for (const char* at = data + piece.begin; at < data + piece.end;) {
    const auto begin = static_cast<std::size_t>(at - data);
    const char32_t c = unicode::decode(at);
    visit(begin, static_cast<std::size_t>(at - data), c);
  }
}

// The parts of a piece: each character that matches, and what lies between them.
template <class Matches>
std::vector<MatchPart> parts_of(const PreTokens& tokens, const Piece& piece, Matches&& matches) {
  std::vector<MatchPart> parts;
  std::size_t done = piece.begin;
  each_character(tokens, piece, [&](std::size_t begin, std::size_t end, char32_t c) {
    if (!matches(c)) return;
    if (begin > done) parts.push_back({done, begin, false});
    parts.push_back({begin, end, true});
    done = end;
  });
  if (done < piece.end) parts.push_back({done, piece.end, false});
  return parts;
}

// Which runs of characters become pieces.
enum Kind : std::uint8_t { kDropped, kAlone, kWord, kOtherWord };

// Calls kind_of(c) for every character that isn't ASCII; those are looked up.
template <class KindOf>
class RunCutter {
 public:
  explicit RunCutter(KindOf kind_of) : kind_of_(kind_of) {
    for (char32_t c = 0; c < 128; ++c) ascii_[c] = kind_of(c);
  }

  void operator()(const PreTokens& tokens, const Piece& piece, std::vector<Piece>& out) const {
    const char* const data = tokens.text.bytes().data();
    std::size_t start = piece.begin;
    Kind run = kDropped;
    for (const char* at = data + piece.begin; at < data + piece.end;) {
      const auto begin = static_cast<std::size_t>(at - data);
      const auto byte = static_cast<unsigned char>(*at);
      const Kind kind = byte < 128 ? ascii_[byte] : kind_of_(unicode::decode(at));
      if (byte < 128) ++at;
      if (kind == run && kind != kAlone) continue;
      if (run != kDropped) tokens.cut(piece, start, begin, out);
      start = begin;
      run = kind;
    }
    if (run != kDropped) tokens.cut(piece, start, piece.end, out);
  }

 private:
  KindOf kind_of_;
  std::array<Kind, 128> ascii_{};
};

}  // namespace

void BertPreTokenizer::apply(PreTokens& tokens) const {
  static const RunCutter cut([](char32_t c) {
    const int set = flags(c);
    return (set & unicode::kWhitespace) != 0    ? kDropped
           : (set & unicode::kPunctuation) != 0 ? kAlone
                                                : kWord;
  });
  each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) { cut(tokens, piece, out); });
}

void WhitespaceSplit::apply(PreTokens& tokens) const {
  static const RunCutter cut(
      [](char32_t c) { return (flags(c) & unicode::kWhitespace) != 0 ? kDropped : kWord; });
  each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) { cut(tokens, piece, out); });
}

void Whitespace::apply(PreTokens& tokens) const {
  static const RunCutter cut([](char32_t c) {
    const int set = flags(c);
    return (set & unicode::kWord) != 0         ? kWord
           : (set & unicode::kWhitespace) != 0 ? kDropped
                                               : kOtherWord;
  });
  each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) { cut(tokens, piece, out); });
}

CharDelimiterSplit CharDelimiterSplit::from_json(const Json& json, const std::string& where) {
  return CharDelimiterSplit(only_character(json.get("delimiter", ""), where + ", delimiter"));
}

void CharDelimiterSplit::apply(PreTokens& tokens) const {
  const RunCutter cut([this](char32_t c) { return c == delimiter_ ? kDropped : kWord; });
  each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) { cut(tokens, piece, out); });
}

void Punctuation::apply(PreTokens& tokens) const {
  each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) {
    const auto parts =
        parts_of(tokens, piece, [](char32_t c) { return (flags(c) & unicode::kPunctuation) != 0; });
    apply_behavior(tokens, piece, parts, behavior_, out);
  });
}

void Digits::apply(PreTokens& tokens) const {
  each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) {
    apply_behavior(tokens, piece, parts_of(tokens, piece, unicode::is_number),
                   individual_ ? SplitBehavior::kIsolated : SplitBehavior::kContiguous, out);
  });
}

void UnicodeScripts::apply(PreTokens& tokens) const {
  constexpr int kAny = 0, kNone = -1;  // kAny: Unknown, and the space
  static const auto index = [](std::string_view name) {
    int i = 0;
    while (kAny < unicode::kScriptCount && unicode::kScriptNames[i] != name) ++i;
    return i;
  };
  static const int han = index("Han"), hiragana = index("Hiragana"), katakana = index("Katakana");
  each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) {
    int last = kNone;
    std::size_t start = static_cast<std::size_t>(-1);
    each_character(tokens, piece, [&](std::size_t begin, std::size_t, char32_t c) {
      int script = c == U' ' ? kAny : unicode::properties16(c).script9;
      if (script == hiragana || script == katakana || c == 0x30FC) script = han;
      if (script != kAny && last != script) {
        if (start != static_cast<std::size_t>(-1)) tokens.cut(piece, start, begin, out);
        start = begin;
      }
      if (script != kAny) last = script;
    });
    // What precedes the first script is lost, as in the reference.
    if (start != static_cast<std::size_t>(-1)) tokens.cut(piece, start, piece.end, out);
  });
}

FixedLength FixedLength::from_json(const Json& json, const std::string& where) {
  const std::int64_t length = json.get("length", 5);
  check(length > 0, where, ": the length is ", length, "; expected at least 1");
  return FixedLength(static_cast<std::size_t>(length));
}

void FixedLength::apply(PreTokens& tokens) const {
  each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) {
    std::size_t start = piece.begin, count = 0;
    each_character(tokens, piece, [&](std::size_t, std::size_t end, char32_t) {
      if (++count < length_) return;
      tokens.cut(piece, start, end, out);
      start = end;
      count = 0;
    });
    tokens.cut(piece, start, piece.end, out);
  });
}

char32_t only_character(const std::string& text, const std::string& where) {
  const char* at = text.data();
  const char32_t c = text.empty() ? 0 : unicode::decode(at);
  check(!text.empty() && at == text.data() + text.size(), where, ": expected one character, found ",
        json_quote(text));
  return c;
}

}  // namespace retort
