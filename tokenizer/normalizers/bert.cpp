#include "tokenizer/normalizers/bert.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "tokenizer/normalization.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

// Canonical ordering: characters of combining class above 0 wait here until one of class 0 comes,
// and leave sorted by class. Dropped marks never enter (dropping before a stable sort or after it
// is the same), so a megabyte of accents costs nothing.
class MarkRun {
 public:
  void add(int combining_class, char32_t c) { marks_.emplace_back(combining_class, c); }

  bool empty() const { return marks_.empty(); }

  template <class Sink>
  void flush(Sink&& sink) {
    if (marks_.empty()) return;
    std::stable_sort(marks_.begin(), marks_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& mark : marks_) sink(mark.second);
    marks_.clear();
  }

 private:
  std::vector<std::pair<int, char32_t>> marks_;
};

}  // namespace

BertNormalizer::BertNormalizer(bool clean_text, bool spaces_around_ideographs, bool strip_accents,
                               bool lowercase)
    : clean_text_(clean_text),
      spaces_around_ideographs_(spaces_around_ideographs),
      strip_accents_(strip_accents),
      lowercase_(lowercase) {
  for (int c = 0; c < 128; ++c) {
    const int flags = unicode::properties(static_cast<char32_t>(c)).flags;
    char& result = ascii_[static_cast<std::size_t>(c)];
    result = static_cast<char>(lowercase && c >= 'A' && c <= 'Z' ? c + 32 : c);
    if (clean_text && (flags & unicode::kRemoved) != 0) result = kDropped;
    else if (clean_text && (flags & unicode::kWhitespace) != 0) result = ' ';
  }
}

BertNormalizer BertNormalizer::from_json(const Json& json) {
  const bool lowercase = json.get("lowercase", true);
  return {json.get("clean_text", true), json.get("handle_chinese_chars", true),
          json.get("strip_accents", lowercase), lowercase};
}

void BertNormalizer::apply(AlignedText& text) const {
  if (text.tracked()) return apply_tracked(text);
  std::string out;
  append(text.bytes(), out);
  text = AlignedText(std::move(out));
}

// Between two ASCII characters that stay nothing crosses, so runs of them go through the table;
// what is left, with such a character before it (marks are aligned to it), takes the long way.
// Marks on both sides of a dropped control become neighbours.
void BertNormalizer::apply_tracked(AlignedText& text) const {
  AlignedText out, part;
  out.clear(true);
  const std::string& bytes = text.bytes();
  const auto is_ascii = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]) < 128; };
  const auto is_dropped = [&](std::size_t i) {
    return clean_text_ && is_ascii(i) && ascii_[static_cast<unsigned char>(bytes[i])] == kDropped;
  };
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t stop = at;
    while (stop < bytes.size() && is_ascii(stop)) ++stop;
    std::size_t end = stop;
    while (end < bytes.size() && (!is_ascii(end) || is_dropped(end))) ++end;
    if (end > stop)
      while (stop > at && is_dropped(--stop)) {
      }
    for (; at < stop; ++at) {
      const char c = ascii_[static_cast<unsigned char>(bytes[at])];
      if (!clean_text_ || c != kDropped)
        out.append(static_cast<unsigned char>(c), text.spans()[at]);
    }
    if (at == end) continue;
    part.clear(true);
    part.append(text, at, end);
    apply_stages(part);
    out.append(part, 0, part.bytes().size());
    at = end;
  }
  text.swap(out);
}

// Stage by stage, as the reference does it: alignments depend on that where marks are reordered.
void BertNormalizer::apply_stages(AlignedText& text) const {
  using namespace unicode;
  const auto flags = [](char32_t c) { return properties(c).flags; };
  if (clean_text_) {
    filter(text, [&](char32_t c) { return (flags(c) & kRemoved) == 0; });
    map(text, [&](char32_t c) { return (flags(c) & kWhitespace) != 0 ? U' ' : c; });
  }
  const auto each = [&](auto&& write) {
    rewrite(text, [&](Rewriter& out) {
      for (const char* at = text.bytes().data(); at < text.bytes().data() + text.bytes().size();)
        write(out, decode(at));
    });
  };
  if (spaces_around_ideographs_)
    each([&](Rewriter& out, char32_t c) {
      const bool spaced = (flags(c) & kIdeograph) != 0;
      if (spaced) out.put(U' ', 0);
      out.put(c, spaced ? 1 : 0);
      if (spaced) out.put(U' ', 1);
    });
  if (strip_accents_) {
    if (!is_surely_normal(text.bytes(), Form::kNfd))
      rewrite(text, [&](Rewriter& out) {
        for (const Change& change : normalize(text.bytes(), Form::kNfd))
          out.put(change.c, change.change);
      });
    filter(text, [&](char32_t c) { return (flags(c) & kNonspacing) == 0; });
  }
  if (lowercase_)
    each([&](Rewriter& out, char32_t c) {
      out.put(lower(c), 0);
      if (c == 0x130) out.put(0x307, 1);
    });
}

void BertNormalizer::append(std::string_view text, std::string& out) const {
  using namespace unicode;
  out.reserve(out.size() + text.size() + text.size() / 8);
  MarkRun run;
  const auto put = [&](char32_t c) {
    if (lowercase_) append_lower(out, c);
    else unicode::append(out, c);
  };
  const auto put_decomposed = [&](char32_t c) {
    const Properties& record = properties(c);
    const bool dropped = (record.flags & kNonspacing) != 0;
    if (record.combining_class == 0) {
      run.flush(put);
      if (!dropped) put(c);
    } else if (!dropped) {
      run.add(record.combining_class, c);
    }
  };

  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    if (static_cast<unsigned char>(*at) < 128) {
      if (!run.empty()) {
        const char result = ascii_[static_cast<unsigned char>(*at++)];
        if (clean_text_ && result == kDropped) continue;
        run.flush(put);
        out += result;
        continue;
      }
      const char* stop = at;
      while (stop < end && static_cast<unsigned char>(*stop) < 128) ++stop;
      const std::size_t before = out.size();
      out.resize(before + static_cast<std::size_t>(stop - at));
      char* to = out.data() + before;
      for (; at < stop; ++at) {
        *to = ascii_[static_cast<unsigned char>(*at)];
        to += clean_text_ && *to == kDropped ? 0 : 1;
      }
      out.resize(static_cast<std::size_t>(to - out.data()));
      continue;
    }
    char32_t c = decode(at);
    const int flags = properties(c).flags;
    if (clean_text_) {
      if ((flags & kRemoved) != 0) continue;
      if ((flags & kWhitespace) != 0) c = ' ';
    }
    const bool spaced = spaces_around_ideographs_ && (flags & kIdeograph) != 0;
    if (spaced) {
      run.flush(put);
      out += ' ';
    }
    if (strip_accents_) decompose(c, put_decomposed);
    else put(c);
    if (spaced) {
      run.flush(put);
      out += ' ';
    }
  }
  run.flush(put);
}

}  // namespace retort
