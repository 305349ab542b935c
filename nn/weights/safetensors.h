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
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tensor/base/file.h"
#include "tensor/dtype.h"

namespace retort {

/// Headers longer than this are refused, as the reference implementation does.
inline constexpr std::size_t kMaxSafetensorsHeader = 100'000'000;

/// A tensor in a file. `bytes` points into the mapped file and lives as long as it does; its length
/// is the product of `shape` times size_of(dtype). Old files may place it at any address: code that
/// needs aligned elements checks, or copies the bytes.
struct TensorEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A tensor whose dtype the format has and Retort doesn't compute with ("I16", "F8_E4M3", ...). It
/// can be listed; asking for it by name is an error.
struct ForeignTensor {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::size_t bytes = 0;
};

using Metadata = std::vector<std::pair<std::string, std::string>>;

/// What a file holds, in the order of its data.
struct SafetensorsContent {
  std::vector<TensorEntry> entries;
  std::vector<ForeignTensor> foreign;
  Metadata metadata;
};

/// Parses a whole file that lies in memory; the spans point into `file`. `name` starts every
/// message. Errors: a header that is cut, too long or not a JSON object; a tensor with an unknown
/// dtype, a negative or overflowing shape, offsets out of range, reversed, overlapping, or not
/// matching its shape; a hole before a tensor or data after the last; a name twice.
SafetensorsContent parse_safetensors(std::span<const std::byte> file, const std::string& name);

/// A file opened for reading (memory-mapped).
class SafetensorsFile {
 public:
  /// Errors: those of MappedFile and of parse_safetensors.
  explicit SafetensorsFile(const std::filesystem::path& path);
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::vector<TensorEntry>& entries() const { return content_.entries; }
  const std::vector<ForeignTensor>& foreign() const { return content_.foreign; }
  const Metadata& metadata() const { return content_.metadata; }

  /// The tensor `name`, or null when the file doesn't have it. Errors: it is a foreign tensor.
  const TensorEntry* find(std::string_view name) const;
  const ForeignTensor* find_foreign(std::string_view name) const;

  /// The mapping that the spans point into: keep it to keep them.
  std::shared_ptr<const MappedFile> file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  SafetensorsContent content_;
  std::unordered_map<std::string_view, const TensorEntry*> by_name_;
  std::unordered_map<std::string_view, const ForeignTensor*> foreign_by_name_;
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
