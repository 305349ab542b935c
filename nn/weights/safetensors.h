// safetensors files: tensors as raw bytes, under names.
//
// The format (https://github.com/huggingface/safetensors): 8 bytes of little-endian header length,
// a JSON header {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ..., "__metadata__":
// {string: string}}, then the data, row-major and little-endian, without holes. A file is hostile
// input: everything is checked before use, at most kMaxSafetensorsHeader bytes are parsed, and
// nothing is ever copied but names and shapes. Nothing here knows tensors or models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nn/weights/weight_file.h"

namespace retort {

/// Headers longer than this are refused, as the reference implementation does.
inline constexpr std::size_t kMaxSafetensorsHeader = 100'000'000;

/// Parses a whole file that lies in memory; the spans point into `file`. `name` starts every
/// message. Errors: a header that is cut, too long or not a JSON object; a tensor with an unknown
/// dtype, a negative or overflowing shape, offsets out of range, reversed, overlapping, or not
/// matching its shape; a hole before a tensor or data after the last; a name twice.
WeightContent parse_safetensors(std::span<const std::byte> file, const std::string& name);

class SafetensorsFile : public WeightFile {
 public:
  /// Errors: those of MappedFile and of parse_safetensors.
  explicit SafetensorsFile(const std::filesystem::path& path);

 private:
  explicit SafetensorsFile(const std::shared_ptr<const MappedFile>& file);
};

/// `data`: contiguous, row-major elements; may be null for a tensor without elements.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;
};

/// Replaces `path` atomically by a file that holds `tensors`, ordered like the Python package does
/// (wide dtypes first, then by name) with the data starting at a multiple of 8, so that every
/// tensor is aligned to its element. {"format": "pt"} is what transformers expects. The same input
/// gives the same bytes. Errors: a name twice, empty or "__metadata__", a name or metadata that
/// isn't UTF-8, a negative size, null data, a header that readers would refuse, and those of
/// replace_file.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const Metadata& metadata = {{"format", "pt"}});

}  // namespace retort
