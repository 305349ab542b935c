#include "nn/weights/weight_file.h"

#include <algorithm>
#include <cstring>

#include "nn/weights/safetensors.h"
#include "nn/weights/safetensors_format.h"
#include "nn/weights/torch_file.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

// Copies the elements that `strides` (in elements) reach from `from` to row-major order.
void gather(const TensorEntry& entry, std::byte* to) {
  const std::size_t element = size_of(entry.dtype);
  const std::size_t rank = entry.shape.size();
  std::vector<std::int64_t> index(rank, 0);
  std::int64_t at = 0;
  for (;;) {
    std::memcpy(to, entry.bytes.data() + static_cast<std::size_t>(at) * element, element);
    to += element;
    std::size_t dim = rank;
    while (dim-- > 0) {
      at += entry.strides[dim];
      if (++index[dim] < entry.shape[dim]) break;
      at -= entry.strides[dim] * entry.shape[dim];
      index[dim] = 0;
    }
    if (dim > rank) return;  // every index has come round
  }
}

}  // namespace

std::unique_ptr<WeightFile> WeightFile::open(const std::filesystem::path& path) {
  if (path.extension() == ".safetensors") return std::make_unique<SafetensorsFile>(path);
  auto file = std::make_shared<MappedFile>(path);
  WeightContent content = parse_torch_file(file->bytes(), path.string());
  return std::make_unique<WeightFile>(std::move(file), std::move(content));
}

WeightFile::WeightFile(std::shared_ptr<const MappedFile> file, WeightContent content)
    : file_(std::move(file)), content_(std::move(content)) {
  by_name_.reserve(content_.entries.size());
  for (const auto& entry : content_.entries) by_name_.emplace(entry.name, &entry);
  for (const auto& entry : content_.foreign) foreign_by_name_.emplace(entry.name, &entry);
}

const ForeignTensor* WeightFile::find_foreign(std::string_view name) const {
  const auto found = foreign_by_name_.find(name);
  return found != foreign_by_name_.end() ? found->second : nullptr;
}

const TensorEntry* WeightFile::find(std::string_view name) const {
  if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
  if (const ForeignTensor* foreign = find_foreign(name))
    fail(file_->path().string(), ": tensor ", shown_name(name), ": has the dtype ", foreign->dtype,
         ", which Retort doesn't compute with; convert it to F32, F16 or BF16");
  return nullptr;
}

Tensor tensor_of(const TensorEntry& entry, const std::shared_ptr<const MappedFile>& file,
                 bool in_place) {
  check(entry.shape.size() <= static_cast<std::size_t>(kMaxRank), file->path().string(),
        ": tensor ", shown_name(entry.name), ": has ", entry.shape.size(),
        " dimensions, more than the ", kMaxRank, " of a tensor of Retort's");
  const Shape shape{std::span<const std::int64_t>(entry.shape)};
  const auto address = reinterpret_cast<std::uintptr_t>(entry.bytes.data());
  if (in_place && entry.strides.empty() && address % size_of(entry.dtype) == 0)
    return Tensor::borrow(file, entry.bytes.data(), shape, entry.dtype);
  Tensor copy = Tensor::empty(shape, entry.dtype);
  if (copy.count() == 0) return copy;
  if (!entry.strides.empty()) gather(entry, static_cast<std::byte*>(copy.mutable_raw()));
  else std::memcpy(copy.mutable_raw(), entry.bytes.data(), entry.bytes.size());
  return copy;
}

}  // namespace retort
