// Fuzz target: a vocab.txt, read and used with BERT's settings.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/tokenizer_fuzzing.h"
#include "tokenizer/readers/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  return retort::fuzzing::run(
      [&] { return retort::bert_definition(retort::parse_vocab(input, "input"), {}, "input"); });
}
