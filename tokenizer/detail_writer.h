// Tokens on their way into an Encoding with offsets and word numbers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/ascii.h"
#include "tokenizer/encoding.h"
#include "tokenizer/workspace.h"

namespace retort {

// From bytes to characters of the original text, as the reference converts them: a place inside a
// character is that character's, and one behind the text is left alone.
class CharacterOffsets {
 public:
  explicit CharacterOffsets(std::string_view text)
      : size_(static_cast<std::uint32_t>(text.size())) {
    if (ascii::is_all(text)) return;
    number_.resize(text.size());
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) ++count;
      number_[i] = count;
    }
  }
  bool are_bytes() const { return number_.empty(); }
  Offsets operator()(Offsets bytes) const {
    if (are_bytes() || bytes.first >= size_) return bytes;
    const std::uint32_t start = number(bytes.first);
    if (bytes.second < size_) return {start, number(bytes.second)};
    // The end of the text, or (where a model's own count is wrong) beyond it.
    return {start, (bytes.second - 1 < size_ ? number(bytes.second - 1) : start + 1) + 1};
  }

 private:
  std::uint32_t number(std::uint32_t byte) const { return number_[byte]; }

  std::uint32_t size_;
  std::vector<std::uint32_t> number_;  // by byte: its character; empty when they are the same
};

// Tokens with all that there is to say of them.
class DetailWriter {
 public:
  /// `text`: the whole one. `texts`: tokens' texts too; `blanks`: and the white space around them.
  /// The tokens wait in `details`, until finish().
  DetailWriter(std::string_view text, bool texts, bool blanks, std::vector<Detail>& details,
               Encoding& encoding)
      : text_(text),
        characters_(text),
        texts_(texts),
        blanks_(blanks),
        details_(details),
        encoding_(encoding) {}

  void add(std::int32_t id, Offsets bytes) {
    reserve(1);
    details_[count_++] = {id, bytes.first, bytes.second, word_};
  }
  /// Tokens of these lengths one behind the other from `begin`; one of length 0 stands for no text
  /// and is aligned with the byte that follows. Of at most WordCache::kInline of them, that many
  /// may be read.
  void add_run(const std::int32_t* ids, const std::uint8_t* lengths, std::size_t count,
               std::uint32_t begin) {
    reserve(count + WordCache::kInline);
    const auto put = [&](std::size_t i) {
      const std::uint32_t end = begin + lengths[i];
      details_[count_ + i] = {ids[i], begin, end + (lengths[i] == 0 ? 1u : 0u), word_};
      begin = end;
    };
    if (count <= WordCache::kInline) {  // without a branch that depends on their number
      for (std::size_t i = 0; i < WordCache::kInline; ++i) put(i);
    } else {
      for (std::size_t i = 0; i < count; ++i) put(i);
    }
    count_ += count;
  }
  /// Forgets all tokens.
  void restart() {
    count_ = 0;
    word_ = 0;
    encoding_.tokens.clear();
    encoding_.blanks.clear();
  }
  std::size_t count() const { return count_; }
  const Detail& operator[](std::size_t i) const { return details_[i]; }
  bool wants_texts() const { return texts_; }
  bool wants_blanks() const { return blanks_; }
  void add_text(std::string_view token) { encoding_.tokens.emplace_back(token); }
  void add_blanks(Offsets blanks) { encoding_.blanks.push_back(blanks); }
  /// The next tokens are of the next piece.
  void end_word() { ++word_; }
  /// From the beginning of the first character to the end of the last one.
  Offsets whole_characters(std::size_t begin, std::size_t end) const {
    if (characters_.are_bytes())
      return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
    const auto is_inside = [&](std::size_t i) {
      return i < text_.size() && (static_cast<unsigned char>(text_[i]) & 0xC0) == 0x80;
    };
    while (is_inside(begin)) --begin;
    while (is_inside(end)) ++end;
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
  }
  bool has_long_characters() const { return !characters_.are_bytes(); }
  void finish() {
    const std::size_t count = count_;
    encoding_.ids.resize(count);
    encoding_.byte_offsets.resize(count);
    encoding_.offsets.resize(count);
    encoding_.word_ids.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Detail& token = details_[i];
      encoding_.ids[i] = token.id;
      encoding_.byte_offsets[i] = {token.begin, token.end};
      encoding_.offsets[i] = characters_({token.begin, token.end});
      encoding_.word_ids[i] = token.word;
    }
    encoding_.special_tokens_mask.assign(count, 0);
    encoding_.attention_mask.assign(count, 1);
  }

 private:
  std::string_view text_;
  CharacterOffsets characters_;
  bool texts_, blanks_;
  void reserve(std::size_t more) {
    if (details_.size() < count_ + more) details_.resize(2 * (count_ + more));
  }

  std::vector<Detail>& details_;
  std::size_t count_ = 0;
  Encoding& encoding_;
  std::int32_t word_ = 0;
};

}  // namespace retort
