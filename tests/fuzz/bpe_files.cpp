// Fuzz target: vocab.json and merges.txt (behind the first NUL), read and used.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/tokenizer_fuzzing.h"
#include "tokenizer/readers/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = std::min(input.find('\0'), size);
  return retort::fuzzing::run([&] {
    return retort::parse_bpe_files(input.substr(0, cut), "input",
                                   input.substr(std::min(cut + 1, size)), "input");
  });
}
