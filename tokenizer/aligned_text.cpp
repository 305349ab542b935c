#include "tokenizer/aligned_text.h"

#include <utility>

namespace retort {

void AlignedText::append_original(std::string_view text, std::uint32_t origin) {
  bytes_ += text;
  if (!tracked_) return;
  const std::size_t before = spans_.size();
  spans_.resize(before + text.size());
  ByteSpan* const spans = spans_.data() + before;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    const ByteSpan span{origin + static_cast<std::uint32_t>(i),
                        origin + static_cast<std::uint32_t>(end)};
    for (; i < end; ++i) spans[i] = span;
  }
}

void AlignedText::clear(bool tracked) {
  bytes_.clear();
  spans_.clear();
  tracked_ = tracked;
}

void AlignedText::append(const AlignedText& other, std::size_t begin, std::size_t end) {
  append(std::string_view(other.bytes_).substr(begin, end - begin),
         other.tracked_ ? other.spans_.data() + begin : nullptr);
}

void AlignedText::append(std::string_view bytes, const ByteSpan* spans) {
  bytes_ += bytes;
  if (tracked_) spans_.insert(spans_.end(), spans, spans + bytes.size());
}

void AlignedText::swap(AlignedText& other) noexcept {
  bytes_.swap(other.bytes_);
  spans_.swap(other.spans_);
  std::swap(tracked_, other.tracked_);
}

}  // namespace retort
