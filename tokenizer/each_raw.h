// What the two short ways, to ids and to all details, have in common (see raw_words.h).
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "tokenizer/tokenizer.h"

namespace retort {

/// Words that wait for the places where they are looked up to come from memory.
inline constexpr std::size_t kWaitingWords = 32;

/// Added tokens, and the words between them: part(begin) before each text between added tokens,
/// then word(at, size) for its words (RawWords::each); found(id, begin, end).
template <class Part, class Word, class Found>
void Tokenizer::each_raw(std::string_view text, bool special_too, Part&& part, Word&& word,
                         Found&& found) const {
  const auto cut = [&](std::size_t begin, std::size_t end) {
    part(begin);
    raw_words_.each(text.substr(begin, end - begin), word);
  };
  raw_added_.split(
      text, special_too,
      [&](std::size_t begin, std::size_t end) {
        if (normalized_added_.empty()) return cut(begin, end);
        normalized_added_.split(
            text.substr(begin, end - begin), special_too,
            [&](std::size_t from, std::size_t to) { cut(begin + from, begin + to); },
            [&](std::int32_t id, std::size_t from, std::size_t to) {
              if (from < to) found(id, begin + from, begin + to);  // as in cut_normalized
            });
      },
      found);
}

}  // namespace retort
