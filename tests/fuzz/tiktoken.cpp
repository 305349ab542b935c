// Fuzz target: a file of tiktoken ranks, read and used.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/tokenizer_fuzzing.h"
#include "tokenizer/readers/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  return retort::fuzzing::run([&] { return retort::parse_tiktoken(input, "input"); });
}
