// Where a raw text may be cut into words before anything else is done to it.
//
// For the common tokenizers normaliser, pre-tokenizer and model together treat a text word by word:
// cut at the right places, each part gives the tokens that it has in the whole. So the words can be
// looked up as they stand in the text, and only one that hasn't been there yet takes the long way
// through the parts. Cutting in fewer places than possible is always right.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tokenizer/ascii.h"
#include "tokenizer/models/model.h"
#include "tokenizer/normalizers/normalizer.h"
#include "tokenizer/pre_tokenizers/pre_tokenizer.h"
#include "tokenizer/pre_tokenizers/scanners.h"

namespace retort {

class RawWords {
 public:
  enum class Rule {
    kNone,
    kGpt2,    // the pre-tokenizer's pattern, without a normaliser
    kLlama3,  //
    kQwen2,   //
    kBert,    // ASCII white space and punctuation
    kBlanks,  // ASCII white space (T5: Precompiled, WhitespaceSplit, Metaspace)
    kMarks,   // where no piece crosses (Llama 2: Prepend, Replace; no pre-tokenizer)
  };

  RawWords() = default;
  RawWords(const Normalizer* normalizer, const PreTokenizer* pre_tokenizer,
           const TokenModel& model);

  Rule rule() const { return rule_; }

  /// Appends to `out` what normaliser and pre-tokenizer make of a word; false: they have to be
  /// asked. For words of printable ASCII under kBert and kBlanks, and all under kMarks.
  bool write(std::string_view word, AlignedText& out) const;

  /// Under kBlanks: whether `written`, what normaliser and pre-tokenizer made of a word, is what
  /// write() makes of words that stay as they are.
  bool leaves(std::string_view word, std::string_view written) const;

  /// From places in what write() gave for `word` to places in the word; a mark that isn't in the
  /// word has length 0. Where tokens then don't follow one another, their places are to be asked of
  /// normaliser and pre-tokenizer.
  void to_word(std::string_view word, std::span<Token> tokens) const;
  /// Makes tokens that don't follow one another.
  static void forget_places(std::span<Token> tokens);

  /// Under kMarks: what the normaliser does without the mark at the beginning.
  void write_marks(AlignedText& text) const { marks_->apply(text); }

  /// Bytes that may be read behind a text.
  static constexpr std::size_t kSlack = ascii::kWideBlock;

  /// Calls `word(at, size)` for each word of a text between added tokens, in order. kSlack bytes
  /// may be read behind the text and behind each word. Under kMarks a space stands for U+2581, and
  /// the first word has one more of them than the text.
  template <class Word>
  void each(std::string_view text, Word&& word) const {
    const auto part = [&](std::size_t begin, std::size_t end) {
      word(text.data() + begin, end - begin);
    };
    switch (rule_) {
      case Rule::kNone:
        return;
      case Rule::kGpt2:
        return scanners::scan_with<scanners::Gpt2>(text, kSlack, part);
      case Rule::kLlama3:
        return scanners::scan_with<scanners::Llama3<3>>(text, kSlack, part);
      case Rule::kQwen2:
        return scanners::scan_with<scanners::Llama3<1>>(text, kSlack, part);
      case Rule::kBert:
        return each_bert(text, part);
      case Rule::kBlanks:
        return each_between_blanks(text, part);
      case Rule::kMarks: {
        const std::size_t end = marks_end(text, 0);
        std::string first = " " + std::string(text.substr(0, end));
        const std::size_t size = first.size();
        first.resize(size + kSlack);
        word(first.data(), size);
        for (std::size_t at = end; at < text.size();) {
          const std::size_t next = marks_end(text, at);
          part(at, next);
          at = next;
        }
        return;
      }
    }
  }

 private:
  enum BertKind : std::uint8_t { kBlank, kAlone, kWord };
  static const std::array<BertKind, 256> kBertKinds;

  template <class Part>
  static void each_bert(std::string_view text, Part&& part) {
    const auto kind = [&](std::size_t i) {
      return kBertKinds[static_cast<unsigned char>(text[i])];
    };
    for (std::size_t at = 0; at < text.size();) {
      if (kind(at) == kBlank) {
        ++at;
        continue;
      }
      std::size_t end = at + 1;
      if (kind(at) == kWord) {
        end = std::max(end, at + ascii::alphanumerics(text.data() + at));
        while (end < text.size() && kind(end) == kWord) ++end;
      }
      end = std::min(end, text.size());
      part(at, end);
      at = end;
    }
  }

  template <class Part>
  void each_between_blanks(std::string_view text, Part&& part) const {
    std::size_t at = blanks_end(text, 0);
    if (!parts_clusters(text, 0, at)) at = 0;
    while (at < text.size()) {
      std::size_t end = at, next = at;
      do {
        end = word_end(text, next);
        next = blanks_end(text, end);
      } while (next < text.size() && !parts_clusters(text, end, next));
      if (!parts_clusters(text, end, next)) end = next;
      part(at, end);
      at = next;
    }
  }
  bool is_blank(char c) const {
    return static_cast<unsigned char>(c) <= ' ' && blanks_[static_cast<unsigned char>(c)];
  }
  std::size_t blanks_end(std::string_view text, std::size_t at) const {
    while (at < text.size() && is_blank(text[at])) ++at;
    return at;
  }
  std::size_t word_end(std::string_view text, std::size_t at) const {
    while (at < text.size()) {
      const std::size_t count = ascii::above_space(text.data() + at);
      at += count;
      if (count == ascii::kBlock) continue;
      if (at < text.size() && is_blank(text[at])) return at;
      ++at;
    }
    return text.size();
  }
  static bool parts_clusters(std::string_view text, std::size_t begin, std::size_t end);

  // The end of the word that begins at `at`: where none of the model's pieces has the byte before
  // and the byte behind next to each other.
  std::size_t marks_end(std::string_view text, std::size_t at) const {
    for (std::size_t end = at + 1;;) {
      if (end < text.size()) end += ascii::letters(text.data() + end);
      if (end >= text.size()) return text.size();
      if ((static_cast<unsigned char>(text[end]) & 0xC0) != 0x80 &&
          !is_joined(text[end - 1], text[end]))
        return end;
      ++end;
    }
  }
  static std::size_t pair(char left, char right) {
    return static_cast<std::size_t>(static_cast<unsigned char>(left)) << 8 |
           static_cast<unsigned char>(right);
  }
  bool is_joined(char left, char right) const {
    const std::size_t i = pair(left, right);
    return (joined_[i / 64] >> i % 64 & 1) != 0;
  }
  void find_joined(const Vocabulary& vocabulary);

  void find_plain(const Normalizer& normalizer);

  Rule rule_ = Rule::kNone;
  std::array<char, 128> plain_{};      // what a printable character becomes; 0: several, or nothing
  std::array<bool, 33> blanks_{};      // ASCII that becomes white space
  std::vector<std::uint64_t> joined_;  // a bit for two bytes
  const Normalizer* marks_ = nullptr;  // the normaliser's part that writes them
};

}  // namespace retort
