// Fuzz target: the safetensors parser. Whatever the bytes, it throws retort::Error or returns spans
// that lie inside them.
//
// With clang and RETORT_FUZZ (tools/check.sh) it is a libFuzzer program; any compiler with
// tests/fuzz/main.cpp builds a program that runs the files it is given (the corpus, or a crash to
// look at).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "nn/weights/safetensors.h"
#include "tensor/base/error.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  try {
    const auto content = retort::parse_safetensors(file, "input");
    std::size_t total = 0;
    for (const auto& entry : content.entries) {
      std::size_t elements = 1;
      for (const auto n : entry.shape) elements *= static_cast<std::size_t>(n);
      require(entry.bytes.size() == elements * retort::size_of(entry.dtype));
      require(entry.bytes.data() >= file.data());
      require(entry.bytes.data() + entry.bytes.size() <= file.data() + file.size());
      total += entry.bytes.size();
    }
    for (const auto& entry : content.foreign) total += entry.bytes;
    require(total <= size);  // nothing overlaps
  } catch (const retort::Error& error) {
    const std::string message = error.what();
    require(message.starts_with("input: ") && message.find('\n') == std::string::npos);
  }
  return 0;
}
