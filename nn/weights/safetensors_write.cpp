// Writing safetensors, so that the Python package reads the file and writes the same order.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "nn/weights/safetensors.h"
#include "nn/weights/safetensors_format.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {
namespace {

constexpr std::size_t kAlignment = 8;  // that of the widest element

const SafetensorsDType& format_of(DType dtype) {
  for (const auto& known : kSafetensorsDTypes)
    if (known.dtype == dtype) return known;
  fail("write_safetensors: the format has no dtype ", name(dtype));
}

std::size_t bytes_of(const TensorToWrite& tensor, const std::string& file) {
  std::int64_t bytes = static_cast<std::int64_t>(size_of(tensor.dtype));
  bool empty = false, overflow = false;
  for (const std::int64_t size : tensor.shape) {
    check(size >= 0, file, ": tensor ", shown_name(tensor.name), " has the negative size ", size);
    empty = empty || size == 0;
    overflow = overflow || __builtin_mul_overflow(bytes, std::max<std::int64_t>(size, 1), &bytes);
  }
  check(!overflow, file, ": tensor ", shown_name(tensor.name),
        " has more elements than memory can address");
  if (empty) return 0;
  check(tensor.data, file, ": tensor ", shown_name(tensor.name), " has no data");
  return static_cast<std::size_t>(bytes);
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const Metadata& metadata) {
  const std::string file = path.string();
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto wide_a = size_of(tensors[a].dtype), wide_b = size_of(tensors[b].dtype);
    return wide_a != wide_b ? wide_a > wide_b : tensors[a].name < tensors[b].name;
  });

  std::string header = "{";
  const auto separate = [&] {
    if (header.size() > 1) header += ',';
  };
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (std::size_t i = 0; i < metadata.size(); ++i)
      header +=
          (i ? "," : "") + json_quote(metadata[i].first) + ":" + json_quote(metadata[i].second);
    header += '}';
  }
  std::vector<std::size_t> sizes;
  sizes.reserve(order.size());
  std::size_t end = 0;
  for (const std::size_t i : order) {
    const TensorToWrite& tensor = tensors[i];
    check(!tensor.name.empty() && tensor.name != "__metadata__", file, ": a tensor can't be named ",
          json_quote(tensor.name));
    const std::size_t begin = end;
    sizes.push_back(bytes_of(tensor, file));
    end += sizes.back();
    separate();
    header += json_quote(tensor.name) + ":{\"dtype\":\"" +
              std::string(format_of(tensor.dtype).name) + "\",\"shape\":[";
    for (std::size_t d = 0; d < tensor.shape.size(); ++d)
      header += (d ? "," : "") + std::to_string(tensor.shape[d]);
    header += "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
  }
  header += '}';
  header.append((kAlignment - header.size() % kAlignment) % kAlignment, ' ');
  check(header.size() <= kMaxSafetensorsHeader, file, ": its header would take ", header.size(),
        " bytes, more than the ", kMaxSafetensorsHeader, " that readers accept");
  Json::parse(
      header,
      file + ": header to be written");  // names twice, not UTF-8: before anything is touched

  replace_file(path, [&](const FileSink& sink) {
    const std::uint64_t length = header.size();
    sink(&length, sizeof length);
    sink(header.data(), header.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      if (sizes[i] > 0) sink(tensors[order[i]].data, sizes[i]);
  });
}

}  // namespace retort
