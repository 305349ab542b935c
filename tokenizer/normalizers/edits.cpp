#include "tokenizer/normalizers/edits.h"

#include "tensor/base/error.h"

namespace retort {

void StripSpace::apply(AlignedText& text) const {
  const std::string& bytes = text.bytes();
  std::size_t begin = 0, end = bytes.size();
  const auto is_white = [](char32_t c) {
    return (unicode::properties(c).flags & unicode::kWhitespace) != 0;
  };
  if (left_)
    for (const char* at = bytes.data(); begin < end;
         begin = static_cast<std::size_t>(at - bytes.data()))
      if (!is_white(unicode::decode(at))) break;
  if (right_)
    while (end > begin && is_white(unicode::decode_last(bytes.data() + end))) {
      do --end;
      while ((static_cast<unsigned char>(bytes[end]) & 0xC0) == 0x80);
    }
  if (begin == 0 && end == bytes.size()) return;
  AlignedText out;
  out.clear(text.tracked());
  out.append(text, begin, end);
  text.swap(out);
}

void Prepend::apply(AlignedText& text) const {
  if (text.bytes().empty()) return;
  AlignedText out;
  out.clear(text.tracked());
  const ByteSpan first = text.tracked() ? text.spans()[0] : ByteSpan{};
  for (const char* at = prefix_.data(); at < prefix_.data() + prefix_.size();)
    out.append(unicode::decode(at), first);
  out.append(text, 0, text.bytes().size());
  text.swap(out);
}

Replace Replace::from_json(const Json& json, const std::string& where) {
  const Json* pattern = json.find("pattern");
  check(pattern != nullptr, where, ": has no pattern");
  auto [regex, literal] = read_pattern(*pattern, where);
  return {std::move(regex), std::move(literal), json.get("content", "")};
}

std::vector<Regex::Match> Replace::matches(std::string_view text) const {
  if (text.empty()) return {};
  if (literal_.empty()) return pattern_.find_all(text);
  std::vector<Regex::Match> result;
  for (std::size_t at = text.find(literal_); at != std::string_view::npos;
       at = text.find(literal_, at + literal_.size()))
    result.emplace_back(at, at + literal_.size());
  return result;
}

void Replace::apply(AlignedText& text) const {
  const auto found = matches(text.bytes());
  if (found.empty()) return;
  if (!text.tracked()) {
    text = AlignedText(replaced(text.bytes(), found));
    return;
  }
  AlignedText out;
  out.clear(true);
  std::size_t done = 0;
  for (const auto& [begin, end] : found) {
    out.append(text, done, begin);
    // Aligned to what was replaced last, as the reference does it.
    const ByteSpan span = end > 0 ? text.spans()[end - 1] : ByteSpan{};
    for (const char* at = content_.data(); at < content_.data() + content_.size();)
      out.append(unicode::decode(at), span);
    done = end;
  }
  out.append(text, done, text.bytes().size());
  text.swap(out);
}

std::string Replace::replaced(std::string_view text,
                              const std::vector<Regex::Match>& matches) const {
  std::string out;
  out.reserve(text.size() + matches.size() * content_.size());
  std::size_t done = 0;
  for (const auto& [begin, end] : matches) {
    out.append(text.substr(done, begin - done)).append(content_);
    done = end;
  }
  return out.append(text.substr(done));
}

std::string Replace::apply(std::string_view text) const { return replaced(text, matches(text)); }

std::pair<Regex, std::string> read_pattern(const Json& json, const std::string& where) {
  try {
    if (const Json* literal = json.find("String")) {
      const std::string& text = literal->as_string("String");
      return {Regex::literal(text), text};
    }
    const Json* regex = json.find("Regex");
    check(regex != nullptr, "has neither a String nor a Regex as its pattern");
    return {Regex(regex->as_string("Regex")), std::string()};
  } catch (const Error& error) {
    fail(where, ": ", error.what());
  }
}

}  // namespace retort
