// Fuzz target: files of torch.save, zip archives and older ones. Whatever the bytes, the reader
// throws retort::Error or returns tensors whose bytes lie inside them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "nn/weights/torch_file.h"
#include "tensor/base/error.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  try {
    for (const auto& entry : retort::parse_torch_file(file, "input").entries) {
      std::size_t elements = 1, last = 0;  // the last element's number
      for (std::size_t dim = 0; dim < entry.shape.size(); ++dim) {
        elements *= static_cast<std::size_t>(entry.shape[dim]);
        if (!entry.strides.empty())
          last += static_cast<std::size_t>((entry.shape[dim] - 1) * entry.strides[dim]);
      }
      const std::size_t width = retort::size_of(entry.dtype);
      require(entry.bytes.size() == (entry.strides.empty() ? elements : last + 1) * width);
      if (entry.bytes.empty()) continue;
      require(entry.bytes.data() >= file.data());
      require(entry.bytes.data() + entry.bytes.size() <= file.data() + file.size());
    }
  } catch (const retort::Error& error) {
    const std::string message = error.what();
    require(message.starts_with("input: ") && message.find('\n') == std::string::npos);
  }
  return 0;
}
