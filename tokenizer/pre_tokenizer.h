// BertPreTokenizer: cuts normalised text into the words that the model splits further.
#pragma once

#include <string_view>

#include "tokenizer/unicode.h"

namespace retort {

/// Calls `word(std::string_view bytes, std::size_t characters)` for each word of `text` (valid
/// UTF-8): white space separates and disappears, each punctuation character is a word of its own.
template <class Word>
void split_words_bert(std::string_view text, Word&& word) {
  const char* const end = text.data() + text.size();
  const char* start = text.data();  // of the current word
  std::size_t characters = 0;       // in it
  for (const char* at = start; at < end;) {
    const char* const before = at;
    // ASCII is the tables' first block, without decoding.
    const auto byte = static_cast<unsigned char>(*at);
    const int flags = byte < 128 ? unicode::kRecords[unicode::kRecordOf[byte]].flags
                                 : unicode::properties(unicode::decode(at)).flags;
    if (byte < 128) ++at;
    if ((flags & (unicode::kWhitespace | unicode::kPunctuation)) == 0) {
      ++characters;
      continue;
    }
    if (characters > 0)
      word(std::string_view(start, static_cast<std::size_t>(before - start)), characters);
    if ((flags & unicode::kPunctuation) != 0)
      word(std::string_view(before, static_cast<std::size_t>(at - before)), std::size_t{1});
    start = at;
    characters = 0;
  }
  if (characters > 0)
    word(std::string_view(start, static_cast<std::size_t>(end - start)), characters);
}

}  // namespace retort
