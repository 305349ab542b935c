// Tokens on their way into an Encoding with offsets and word numbers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/encoding.h"
#include "tokenizer/processors/processors.h"

namespace retort {

// From bytes to characters of the original text, as the reference converts them: a place inside a
// character is that character's, and one behind the text is left alone.
class CharacterOffsets {
 public:
  explicit CharacterOffsets(std::string_view text)
      : size_(static_cast<std::uint32_t>(text.size())) {
    if (std::all_of(text.begin(), text.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
      return;
    number_.resize(text.size());
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) ++count;
      number_[i] = count;
    }
  }
  Offsets operator()(Offsets bytes) const {
    if (bytes.first >= size_) return bytes;
    const std::uint32_t start = number(bytes.first);
    if (bytes.second < size_) return {start, number(bytes.second)};
    // The end of the text, or (where a model's own count is wrong) beyond it.
    return {start, (bytes.second - 1 < size_ ? number(bytes.second - 1) : start + 1) + 1};
  }

 private:
  std::uint32_t number(std::uint32_t byte) const { return number_.empty() ? byte : number_[byte]; }

  std::uint32_t size_;
  std::vector<std::uint32_t> number_;  // by byte: its character; empty when they are the same
};

// Tokens with all that there is to say of them.
class DetailWriter {
 public:
  /// `text`: the whole one. `texts`: tokens' texts too; `blanks`: and the white space around them.
  DetailWriter(std::string_view text, bool texts, bool blanks, Encoding& encoding)
      : text_(text), characters_(text), texts_(texts), blanks_(blanks), encoding_(encoding) {
    const std::size_t expected = text.size() / 3 + 1;
    encoding.ids.reserve(expected);
    encoding.byte_offsets.reserve(expected);
    encoding.offsets.reserve(expected);
    encoding.word_ids.reserve(expected);
  }
  void add(std::int32_t id, Offsets bytes) {
    encoding_.ids.push_back(id);
    encoding_.byte_offsets.push_back(bytes);
    encoding_.offsets.push_back(characters_(bytes));
    encoding_.word_ids.push_back(word_);
  }
  bool wants_texts() const { return texts_ || blanks_; }
  void add_text(std::string_view token) {
    if (texts_) encoding_.tokens.emplace_back(token);
    if (blanks_) encoding_.blanks.push_back(blanks_of(token));
  }
  /// The next tokens are of the next piece.
  void end_word() { ++word_; }
  /// From the beginning of the first character to the end of the last one.
  Offsets whole_characters(std::size_t begin, std::size_t end) const {
    const auto is_inside = [&](std::size_t i) {
      return i < text_.size() && (static_cast<unsigned char>(text_[i]) & 0xC0) == 0x80;
    };
    while (is_inside(begin)) --begin;
    while (is_inside(end)) ++end;
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
  }

 private:
  std::string_view text_;
  CharacterOffsets characters_;
  bool texts_, blanks_;
  Encoding& encoding_;
  std::int32_t word_ = 0;
};

}  // namespace retort
