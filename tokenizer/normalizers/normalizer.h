// What a normaliser is: a rewriting of the whole text, before it is cut.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tensor/base/json.h"
#include "tokenizer/aligned_text.h"

namespace retort {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  /// Rewrites `text` (valid UTF-8, which it stays).
  virtual void apply(AlignedText& text) const = 0;

 protected:
  /// Replaces `text` by what `write(Rewriter&)` makes of it.
  template <class Write>
  static void rewrite(AlignedText& text, Write&& write) {
    AlignedText out;
    out.clear(text.tracked());
    Rewriter rewriter(text, 0, 0, out);
    write(rewriter);
    text.swap(out);
  }
  /// Leaves the characters for which `keep(c)` holds.
  template <class Keep>
  static void filter(AlignedText& text, Keep&& keep) {
    AlignedText out;
    out.clear(text.tracked());
    for (const char* at = text.bytes().data(); at < text.bytes().data() + text.bytes().size();) {
      const auto begin = static_cast<std::size_t>(at - text.bytes().data());
      const char32_t c = unicode::decode(at);
      if (keep(c)) out.append(c, text.tracked() ? text.spans()[begin] : ByteSpan{});
    }
    text.swap(out);
  }
  /// Replaces each character c by f(c).
  template <class F>
  static void map(AlignedText& text, F&& f) {
    rewrite(text, [&](Rewriter& out) {
      for (const char* at = text.bytes().data(); at < text.bytes().data() + text.bytes().size();)
        out.put(f(unicode::decode(at)), 0);
    });
  }
};

/// From the "normalizer" of a tokenizer.json. `where` starts the error messages. Errors: an unknown
/// type or a bad field, each named.
std::unique_ptr<Normalizer> make_normalizer(const Json& json, const std::string& where);

}  // namespace retort
