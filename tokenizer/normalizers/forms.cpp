#include "tokenizer/normalizers/forms.h"

#include "tokenizer/byte_level.h"

namespace retort {

void UnicodeForm::apply(AlignedText& text) const {
  if (unicode::is_surely_normal(text.bytes(), form_)) return;
  rewrite(text, [&](Rewriter& out) {
    for (const unicode::Change& change : unicode::normalize(text.bytes(), form_))
      out.put(change.c, change.change);
  });
}

void StripAccents::apply(AlignedText& text) const {
  filter(text, [](char32_t c) { return !unicode::is_mark(c); });
}

void Lowercase::apply(AlignedText& text) const {
  rewrite(text, [&](Rewriter& out) {
    for (const char* at = text.bytes().data(); at < text.bytes().data() + text.bytes().size();) {
      const char32_t c = unicode::decode(at);
      out.put(unicode::lower(c), 0);
      if (c == 0x130) out.put(0x307, 1);
    }
  });
}

void Nmt::apply(AlignedText& text) const {
  filter(text, [](char32_t c) {
    return !((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
             c == 0x8F || c == 0x9F);
  });
  map(text, [](char32_t c) {
    switch (c) {
      case 0x09:
      case 0x0A:
      case 0x0C:
      case 0x0D:
      case 0x1680:
      case 0x200B:
      case 0x200C:
      case 0x200D:
      case 0x200E:
      case 0x200F:
      case 0x2028:
      case 0x2029:
      case 0x2581:
      case 0xFEFF:
      case 0xFFFD:
        return U' ';
      default:
        return c;
    }
  });
}

void ByteLevelNormalizer::apply(AlignedText& text) const {
  rewrite(text, [&](Rewriter& out) {
    for (const char c : text.bytes()) {
      const auto byte = static_cast<unsigned char>(c);
      out.put(byte_level::kCharacterOf[byte], (byte & 0xC0) == 0x80 ? 1 : 0);
    }
  });
}

}  // namespace retort
