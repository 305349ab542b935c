// One file of named tensors, whatever its format: what the readers of safetensors and of PyTorch's
// files give to those who load models. Nothing here knows models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tensor/base/file.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

namespace retort {

/// Tensors of more dimensions than this are refused.
inline constexpr std::size_t kMaxEntryRank = 32;

/// A tensor in a file. `bytes` points into the mapped file and lives as long as it does. They may
/// lie at any address: code that needs aligned elements checks, or copies.
struct TensorEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  /// From the first element to the last; row-major and without gaps unless there are strides.
  std::span<const std::byte> bytes;
  /// In elements, none negative; empty: row-major. Only PyTorch's files have other layouts.
  std::vector<std::int64_t> strides = {};
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

/// What a file holds, in its order.
struct WeightContent {
  std::vector<TensorEntry> entries;
  std::vector<ForeignTensor> foreign;
  Metadata metadata;
};

/// A file opened for reading (memory-mapped).
class WeightFile {
 public:
  /// By its name: *.safetensors, else a file that torch.save wrote. Errors: those of MappedFile,
  /// parse_safetensors and parse_torch_file.
  static std::unique_ptr<WeightFile> open(const std::filesystem::path& path);

  /// `content`: what was parsed from the mapping, in which its spans lie.
  WeightFile(std::shared_ptr<const MappedFile> file, WeightContent content);
  WeightFile(const WeightFile&) = delete;
  WeightFile& operator=(const WeightFile&) = delete;

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
  WeightContent content_;
  std::unordered_map<std::string_view, const TensorEntry*> by_name_;
  std::unordered_map<std::string_view, const ForeignTensor*> foreign_by_name_;
};

/// The tensor's numbers as they are in the file: read-only and in place (`in_place`, where they lie
/// row-major and aligned), else a copy. `file` is the mapping that holds them.
Tensor tensor_of(const TensorEntry& entry, const std::shared_ptr<const MappedFile>& file,
                 bool in_place);

}  // namespace retort
