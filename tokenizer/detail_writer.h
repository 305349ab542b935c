// Tokens on their way out of a text with offsets and word numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/ascii.h"
#include "tokenizer/encoding.h"
#include "tokenizer/token_lists.h"
#include "tokenizer/word_cache.h"

namespace retort {

// From bytes to characters of the original text, as the reference converts them: a place inside a
// character is that character's, and one behind the text is left alone.
class CharacterOffsets {
 public:
  /// What it takes to tell them is kept in `numbers`.
  CharacterOffsets(std::string_view text, std::vector<std::uint32_t>& numbers)
      : size_(static_cast<std::uint32_t>(text.size())), numbers_(numbers) {
    are_bytes_ = ascii::is_all(text);
    if (are_bytes_) return;
    if (numbers_.size() < text.size()) numbers_.resize(text.size());
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) ++count;
      numbers_[i] = count;
    }
  }
  bool are_bytes() const { return are_bytes_; }
  Offsets operator()(Offsets bytes) const {
    if (are_bytes() || bytes.first >= size_) return bytes;
    const std::uint32_t start = numbers_[bytes.first];
    if (bytes.second < size_) return {start, numbers_[bytes.second]};
    // The end of the text, or (where a model's own count is wrong) beyond it.
    return {start, (bytes.second - 1 < size_ ? numbers_[bytes.second - 1] : start + 1) + 1};
  }

 private:
  std::uint32_t size_;
  bool are_bytes_;
  std::vector<std::uint32_t>& numbers_;  // by byte: its character; unless they are the same
};

// Tokens with all that there is to say of them.
class DetailWriter {
 public:
  /// `text`: the whole one. The tokens go behind those in `lists`; their texts and the white space
  /// around them go to `texts` and `blanks`, where they are asked for (not null).
  DetailWriter(std::string_view text, TokenLists& lists, std::vector<std::uint32_t>& numbers,
               std::vector<std::string>* texts, std::vector<Offsets>* blanks)
      : text_(text),
        characters_(text, numbers),
        lists_(lists),
        begin_(lists.count),
        texts_(texts),
        blanks_(blanks) {}

  void add(std::int32_t id, Offsets bytes) {
    lists_.reserve(1);
    const std::size_t i = lists_.count++;
    lists_.ids[i] = id;
    lists_.byte_offsets[i] = bytes;
    lists_.word_ids[i] = word_;
  }
  /// Tokens of these lengths one behind the other from `begin`; one of length 0 stands for no text
  /// and is aligned with the byte that follows. Of at most WordCache::kInline of them, that many
  /// may be read.
  void add_run(const std::int32_t* ids, const std::uint8_t* lengths, std::size_t count,
               std::uint32_t begin) {
    lists_.reserve(count + WordCache::kInline);
    std::int32_t* const to_ids = lists_.ids.data() + lists_.count;
    Offsets* const to_offsets = lists_.byte_offsets.data() + lists_.count;
    std::int32_t* const to_words = lists_.word_ids.data() + lists_.count;
    const auto put = [&](std::size_t i) {
      const std::uint32_t end = begin + lengths[i];
      to_ids[i] = ids[i];
      to_offsets[i] = {begin, end + (lengths[i] == 0 ? 1u : 0u)};
      to_words[i] = word_;
      begin = end;
    };
    if (count <= WordCache::kInline) {  // without a branch that depends on their number
      for (std::size_t i = 0; i < WordCache::kInline; ++i) put(i);
    } else {
      for (std::size_t i = 0; i < count; ++i) put(i);
    }
    lists_.count += count;
  }
  /// Words that are one token each. kBlock entries more than `count` may be read.
  void add_words(const std::int32_t* ids, const Offsets* bytes, std::size_t count) {
    lists_.reserve(count + kBlock);
    std::int32_t* const to_ids = lists_.ids.data() + lists_.count;
    Offsets* const to_offsets = lists_.byte_offsets.data() + lists_.count;
    std::int32_t* const to_words = lists_.word_ids.data() + lists_.count;
    for (std::size_t block = 0; block < count; block += kBlock)
      for (std::size_t i = block; i < block + kBlock; ++i) {
        to_ids[i] = ids[i];
        to_offsets[i] = bytes[i];
        to_words[i] = word_ + static_cast<std::int32_t>(i);
      }
    lists_.count += count;
    word_ += static_cast<std::int32_t>(count);
  }
  static constexpr std::size_t kBlock = 8;  // tokens that are copied at once

  /// Forgets all tokens of this text.
  void restart() {
    lists_.count = begin_;
    word_ = 0;
    if (texts_ != nullptr) texts_->clear();
    if (blanks_ != nullptr) blanks_->clear();
  }
  /// Tokens of this text, and a token's place in bytes.
  std::size_t count() const { return lists_.count - begin_; }
  Offsets operator[](std::size_t i) const { return lists_.byte_offsets[begin_ + i]; }
  bool wants_texts() const { return texts_ != nullptr; }
  bool wants_blanks() const { return blanks_ != nullptr; }
  void add_text(std::string_view token) { texts_->emplace_back(token); }
  void add_blanks(Offsets blanks) { blanks_->push_back(blanks); }
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
  /// Appends the tokens' places in characters.
  void append_offsets(std::vector<Offsets>& offsets) const {
    const Offsets* const bytes = lists_.byte_offsets.data() + begin_;
    if (!has_long_characters())
      return static_cast<void>(offsets.insert(offsets.end(), bytes, bytes + count()));
    const std::size_t before = offsets.size();
    offsets.resize(before + count());
    for (std::size_t i = 0; i < count(); ++i) offsets[before + i] = characters_(bytes[i]);
  }

 private:
  std::string_view text_;
  CharacterOffsets characters_;
  TokenLists& lists_;
  std::size_t begin_;  // the tokens of this text
  std::vector<std::string>* texts_;
  std::vector<Offsets>* blanks_;
  std::int32_t word_ = 0;
};

}  // namespace retort
