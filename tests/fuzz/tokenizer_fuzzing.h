// What the fuzz targets of the tokenizer's readers do with what was read: use it on a few texts.
// Whatever the file said, that ends in an Error or in encodings whose parts fit together.
#pragma once

#include <cstdlib>
#include <functional>
#include <string>

#include "tensor/base/error.h"
#include "tokenizer/tokenizer.h"

namespace retort::fuzzing {

inline void require(bool condition) {
  if (!condition) std::abort();
}

inline void use(const Tokenizer& tokenizer) {
  EncodeOptions details;
  details.details = details.texts = true;
  for (const std::string text :
       {"", "Hello  world's 123 \u00e9\u0301\u4e2d <s>[X]", "\u2581a \n\tb\u200d"}) {
    const Encoding encoding = tokenizer.encode(text, text, details);
    const std::size_t size = encoding.size();
    require(encoding.type_ids.size() == size && encoding.tokens.size() == size &&
            encoding.offsets.size() == size);
    require(encoding.byte_offsets.size() == size && encoding.word_ids.size() == size);
    for (const std::int32_t id : encoding.ids) require(id >= 0 && id < tokenizer.vocab_size());
    require(tokenizer.encode(text, text).ids == encoding.ids);
    tokenizer.decode(encoding.ids);
  }
}

/// Runs `read`, which may throw an Error whose message is one line.
inline int run(const std::function<TokenizerDefinition()>& read) {
  try {
    use(Tokenizer(read(), "input"));
  } catch (const Error& error) {
    require(std::string(error.what()).find('\n') == std::string::npos);
  }
  return 0;
}

}  // namespace retort::fuzzing
