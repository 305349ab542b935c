// Fuzz target: a regular expression and (behind the first line feed) a text to match. Matches are
// in order, inside the text, and at whole characters.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/tokenizer_fuzzing.h"
#include "tokenizer/regex/regex.h"
#include "tokenizer/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = std::min(input.find('\n'), size);
  const std::string text = unicode::replace_invalid(input.substr(std::min(cut + 1, size)));
  try {
    std::size_t done = 0;
    for (const auto& [begin, end] : Regex(input.substr(0, cut)).find_all(text)) {
      fuzzing::require(begin >= done && end >= begin && end <= text.size());
      for (const std::size_t at : {begin, end})
        fuzzing::require(at == text.size() ||
                         (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80);
      done = end;
    }
  } catch (const Error&) {
  }
  return 0;
}
