// Text on its way through normalisers and pre-tokenizers: bytes, and for each of them which bytes
// of the original text it stands for.
//
// The reference (Hugging Face's NormalizedString) keeps such an alignment for every byte; so do we
// when offsets are asked for, with the same rules for what is inserted, replaced and removed. When
// they are not, the alignment isn't kept and the same code only makes the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/unicode.h"

namespace retort {

/// A range of bytes.
struct ByteSpan {
  std::uint32_t begin = 0, end = 0;
  bool operator==(const ByteSpan&) const = default;
};

class AlignedText {
 public:
  AlignedText() = default;
  /// `text` itself, which stands at byte `origin` of the original. Each byte of a character is
  /// aligned to the whole character.
  AlignedText(std::string_view text, std::uint32_t origin, bool tracked) : tracked_(tracked) {
    append_original(text, origin);
  }
  /// Untracked.
  explicit AlignedText(std::string&& text) : bytes_(std::move(text)) {}

  const std::string& bytes() const { return bytes_; }
  bool tracked() const { return tracked_; }
  /// One span per byte when tracked(), else none.
  const std::vector<ByteSpan>& spans() const { return spans_; }

  /// Drops the content, keeps the memory.
  void clear(bool tracked);
  /// Appends bytes [begin, end) of another text that is tracked in the same way.
  void append(const AlignedText& other, std::size_t begin, std::size_t end);
  void append(std::string_view bytes, const ByteSpan* spans);
  /// Appends a part of the original text, which stands there at byte `origin`.
  void append_original(std::string_view text, std::uint32_t origin);
  void append(char32_t c, ByteSpan span) {
    const std::size_t before = bytes_.size();
    if (c < 0x80) bytes_ += static_cast<char>(c);
    else unicode::append(bytes_, c);
    if (tracked_) spans_.insert(spans_.end(), bytes_.size() - before, span);
  }

  void swap(AlignedText& other) noexcept;

 private:
  std::string bytes_;
  std::vector<ByteSpan> spans_;
  bool tracked_ = false;
};

/// Rewrites a range of a text character by character, with the reference's rule for alignments: a
/// character of change 0 replaces the next one of the input, of change -n that one and n more, and
/// one of change > 0 is inserted and aligned as what was read last.
class Rewriter {
 public:
  /// Appends to `out` what is made of bytes [begin, end) of `in`. `origin`: where insertions before
  /// everything are aligned to.
  Rewriter(const AlignedText& in, std::size_t begin, std::uint32_t origin, AlignedText& out)
      : in_(in), out_(out), begin_(begin), at_(begin), origin_{origin, origin} {}

  /// Passes over `characters` of the input.
  void skip(std::size_t characters) {
    while (characters-- > 0) advance();
  }
  void put(char32_t c, int change) {
    if (!in_.tracked()) return out_.append(c, {});
    if (change > 0) return out_.append(c, at_ > begin_ ? in_.spans()[at_ - 1] : origin_);
    const ByteSpan span = at_ < in_.spans().size() ? in_.spans()[at_] : ByteSpan{};
    for (int i = change; i <= 0; ++i) advance();
    out_.append(c, span);
  }

 private:
  void advance() {
    if (at_ >= in_.bytes().size()) return;
    do ++at_;
    while (at_ < in_.bytes().size() &&
           (static_cast<unsigned char>(in_.bytes()[at_]) & 0xC0) == 0x80);
  }

  const AlignedText& in_;
  AlignedText& out_;
  std::size_t begin_, at_;
  ByteSpan origin_;
};

/// A part of a text that later stages treat on its own.
struct Piece {
  std::uint32_t begin = 0, end = 0;  // in the text's bytes
  std::uint32_t origin = 0;          // the byte of the original text at which it starts
  std::int32_t token = -1;           // an added token's id: no later stage looks at it
};

/// What pre-tokenizers work on: one text in pieces, in order.
struct PreTokens {
  AlignedText text;
  std::vector<Piece> pieces;

  std::string_view bytes(const Piece& piece) const {
    return std::string_view(text.bytes()).substr(piece.begin, piece.end - piece.begin);
  }
  /// Appends to `out` the part [begin, end) (offsets in the text) of `piece`, unless it is empty.
  void cut(const Piece& piece, std::size_t begin, std::size_t end, std::vector<Piece>& out) const {
    if (begin >= end) return;
    const std::uint32_t origin = text.tracked()         ? text.spans()[begin].begin
                                 : begin == piece.begin ? piece.origin
                                                        : piece.origin + 1;
    out.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), origin, -1});
  }
};

}  // namespace retort
