#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

bool ends_with_word(std::string_view text) {
  return !text.empty() &&
         (unicode::properties(unicode::decode_last(text.data() + text.size())).flags &
          unicode::kWord) != 0;
}

bool starts_with_word(std::string_view text) {
  const char* at = text.data();
  return !text.empty() && (unicode::properties(unicode::decode(at)).flags & unicode::kWord) != 0;
}

std::size_t leading_space(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const char* next = at;
    if ((unicode::properties(unicode::decode(next)).flags & unicode::kWhitespace) == 0) break;
    at = next;
  }
  return static_cast<std::size_t>(at - text.data());
}

std::size_t trailing_space(std::string_view text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* at = end;
  while (at > begin &&
         (unicode::properties(unicode::decode_last(at)).flags & unicode::kWhitespace) != 0) {
    do --at;
    while ((static_cast<unsigned char>(*at) & 0xC0) == 0x80);
  }
  return static_cast<std::size_t>(end - at);
}

}  // namespace

AddedTokens::AddedTokens(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {
  std::vector<std::pair<std::string_view, std::int32_t>> entries;
  for (const Pattern& pattern : patterns_) {
    check(pattern.text.size() <= kMaxPatternBytes, "the added token with id ", pattern.token.id,
          " has ", pattern.text.size(), " bytes; at most ", kMaxPatternBytes, " are supported");
    entries.emplace_back(pattern.text, static_cast<std::int32_t>(&pattern - patterns_.data()));
    starts_[static_cast<unsigned char>(pattern.text[0])] = true;
  }
  trie_ = ByteTrie(std::move(entries));
  if (std::count(starts_.begin(), starts_.end(), true) == 1)
    only_start_ =
        static_cast<int>(std::find(starts_.begin(), starts_.end(), true) - starts_.begin());
}

std::size_t AddedTokens::candidate(std::string_view text, std::size_t from) const {
  if (only_start_ >= 0)
    return std::min(text.size(), text.find(static_cast<char>(only_start_), from));
  while (from < text.size() && !starts_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

bool AddedTokens::next(std::string_view text, std::size_t from, std::size_t done, bool special_too,
                       Match& match) const {
  for (std::size_t i = candidate(text, from); i < text.size(); i = candidate(text, i + 1)) {
    const ByteTrie::Match hit = trie_.longest(text.substr(i));
    if (hit.value == ByteTrie::kNone) continue;
    const AddedToken& token = patterns_[static_cast<std::size_t>(hit.value)].token;
    match.begin = i;
    match.end = match.resume = i + hit.length;
    match.id = token.id;
    if (token.special && !special_too) {
      i = match.end - 1;
      continue;
    }
    if (token.single_word &&
        (ends_with_word(text.substr(0, i)) || starts_with_word(text.substr(match.end)))) {
      i = match.end - 1;  // the rejected text isn't searched again
      continue;
    }
    if (token.lstrip)
      match.begin = done < i ? i - trailing_space(text.substr(done, i - done)) : done;
    if (token.rstrip) {
      // Tokens that are white space themselves may ask for the same run again and again.
      if (match.end < match.run_begin || match.end > match.run_end) {
        match.run_begin = match.end;
        match.run_end = match.end + leading_space(text.substr(match.end));
      }
      match.end = match.run_end;
    }
    return true;
  }
  return false;
}

}  // namespace retort
