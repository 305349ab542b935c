#include "tokenizer/normalization.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace retort::unicode {
namespace {

constexpr char32_t kSyllables = 0xAC00, kL = 0x1100, kV = 0x1161, kT = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28;

int combining_class(char32_t c) { return properties(c).combining_class; }

template <class Sink>
void decompose_compatible(char32_t c, Sink&& sink) {
  const Compatibility* const end = kCompatibilities + kCompatibilityCount;
  const Compatibility* const found =
      std::lower_bound(kCompatibilities, end, c,
                       [](const Compatibility& entry, char32_t x) { return entry.code < x; });
  if (c < 0xA0 || found == end || found->code != c) return decompose(c, sink);
  for (int i = 0; i < found->length; ++i) sink(kCompatibilityPoints[found->offset + i]);
}

struct Pending {
  int combining_class;
  Change change;
};

// Marks wait until the next character of class 0 comes and leave in canonical order; each keeps the
// change that it came with, wherever it lands.
std::vector<Change> decomposed(std::string_view text, bool compatible) {
  std::vector<Change> result;
  result.reserve(text.size());
  std::vector<Pending> marks;
  const auto flush = [&] {
    std::stable_sort(marks.begin(), marks.end(), [](const Pending& a, const Pending& b) {
      return a.combining_class < b.combining_class;
    });
    for (const Pending& mark : marks) result.push_back(mark.change);
    marks.clear();
  };
  for (const char* at = text.data(); at < text.data() + text.size();) {
    int change = 0;
    const auto put = [&](char32_t d) {
      const int order = combining_class(d);
      if (order == 0) {
        if (!marks.empty()) flush();
        result.push_back({d, change});
      } else {
        marks.push_back({order, {d, change}});
      }
      change = 1;
    };
    const char32_t c = decode(at);
    if (compatible) decompose_compatible(c, put);
    else decompose(c, put);
  }
  flush();
  return result;
}

// The standard's composition, as the reference's iterator does it: a mark that is blocked or
// doesn't compose waits behind the starter.
std::vector<Change> composed(const std::vector<Change>& input) {
  std::vector<Change> result, waiting;
  result.reserve(input.size());
  bool has_starter = false;
  Change starter{};
  int last_class = -1;  // of the last waiting mark; -1: none
  const auto purge = [&] {
    result.push_back(starter);
    result.insert(result.end(), waiting.begin(), waiting.end());
    waiting.clear();
    last_class = -1;
  };
  for (const Change& next : input) {
    const int order = combining_class(next.c);
    if (!has_starter) {
      if (order != 0) {
        result.push_back(next);
      } else {
        starter = next;
        has_starter = true;
      }
      continue;
    }
    const bool blocked = last_class >= order;
    const char32_t joined = blocked ? 0 : compose(starter.c, next.c);
    if (joined != 0) {
      starter = {joined, starter.change + next.change - 1};
    } else if (order == 0) {
      purge();
      starter = next;
    } else {
      waiting.push_back(next);
      last_class = order;
    }
  }
  if (has_starter) purge();
  return result;
}

}  // namespace

bool is_mark(char32_t c) {
  const MarkRange* const end = kMarkRanges + kMarkRangeCount;
  const MarkRange* const found = std::lower_bound(
      kMarkRanges, end, c, [](const MarkRange& range, char32_t x) { return range.last < x; });
  return found != end && c >= found->first;
}

char32_t compose(char32_t first, char32_t second) {
  if (first - kL < kLCount && second - kV < kVCount)
    return kSyllables + ((first - kL) * kVCount + (second - kV)) * kTCount;
  if (first - kSyllables < kLCount * kVCount * kTCount && (first - kSyllables) % kTCount == 0 &&
      second - kT - 1 < kTCount - 1)
    return first + (second - kT);
  const std::pair<char32_t, char32_t> key{first, second};
  const Composition* const end = kCompositions + kCompositionCount;
  const Composition* const found =
      std::lower_bound(kCompositions, end, key, [](const Composition& entry, const auto& x) {
        return std::pair{entry.first, entry.second} < x;
      });
  return found != end && std::pair{found->first, found->second} == key ? found->composed : 0;
}

std::vector<Change> normalize(std::string_view text, Form form) {
  const bool compatible = form == Form::kNfkd || form == Form::kNfkc;
  std::vector<Change> result = decomposed(text, compatible);
  return form == Form::kNfc || form == Form::kNfkc ? composed(result) : result;
}

bool is_surely_normal(std::string_view text, Form form) {
  // Below U+00C0 (compatibility: U+00A0) nothing decomposes; below U+0300 nothing composes.
  const char32_t limit = form == Form::kNfc ? 0x300 : form == Form::kNfd ? 0xC0 : 0xA0;
  for (const char* at = text.data(); at < text.data() + text.size();) {
    if (static_cast<unsigned char>(*at) < 0x80) {
      ++at;
      continue;
    }
    if (decode(at) >= limit) return false;
  }
  return true;
}

}  // namespace retort::unicode
