// Writing weights to a model directory: one file or shards, and nothing left of what was there.
#include <algorithm>
#include <cstdio>
#include <unordered_set>

#include "nn/weights/weight_files.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {
namespace {

namespace fs = std::filesystem;

std::uint64_t bytes_of(const TensorToWrite& tensor) {
  std::uint64_t bytes = size_of(tensor.dtype);  // what write_safetensors checks may overflow here
  for (const std::int64_t size : tensor.shape) bytes *= static_cast<std::uint64_t>(size);
  return bytes;
}

// The tensors in order, a new shard where the next one wouldn't fit; one that is larger than a
// shard has one of its own.
std::vector<std::vector<TensorToWrite>> split(std::span<const TensorToWrite> tensors,
                                              std::uint64_t max_bytes) {
  std::vector<std::vector<TensorToWrite>> shards(1);
  std::uint64_t filled = 0;
  for (const TensorToWrite& tensor : tensors) {
    const std::uint64_t bytes = bytes_of(tensor);
    if (!shards.back().empty() && (bytes > max_bytes || filled > max_bytes - bytes)) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().push_back(tensor);
    filled += bytes;
  }
  return shards;
}

std::string shard_name(std::size_t number, std::size_t count) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", number, count);
  return name;
}

// model.safetensors, pytorch_model.bin, their indices and shards
// (model-00001-of-00002.safetensors).
bool is_weight_file(const std::string& name) {
  const std::pair<std::string, std::string> kinds[] = {{"model", ".safetensors"},
                                                       {"pytorch_model", ".bin"}};
  for (const auto& [stem, extension] : kinds) {
    if (name == stem + extension || name == stem + extension + ".index.json") return true;
    if (!name.starts_with(stem + "-") || !name.ends_with(extension)) continue;
    const std::string between =
        name.substr(stem.size(), name.size() - stem.size() - extension.size());
    constexpr std::string_view kPattern = "-00000-of-00000";
    if (between.size() == kPattern.size() &&
        std::equal(between.begin(), between.end(), kPattern.begin(), [](char c, char pattern) {
          return pattern == '0' ? c >= '0' && c <= '9' : c == pattern;
        }))
      return true;
  }
  return false;
}

// Removes every file of weights but those that were just written.
void remove_others(const fs::path& directory, const std::unordered_set<std::string>& written) {
  std::vector<fs::path> others;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (is_weight_file(name) && !written.contains(name)) others.push_back(entry.path());
  }
  for (const fs::path& other : others) {
    std::error_code error;
    check(fs::remove(other, error) || !error, other.string(),
          ": can't be removed: ", error.message());
  }
  if (!others.empty()) sync_directory(directory);
}

}  // namespace

void write_weights(const fs::path& directory, std::span<const TensorToWrite> tensors,
                   std::uint64_t max_shard_bytes) {
  check(max_shard_bytes > 0, directory.string(),
        ": expected shards of at least one byte, found a limit of 0");
  const auto shards = split(tensors, max_shard_bytes);
  if (shards.size() == 1) {
    write_safetensors(directory / "model.safetensors", tensors);
    return remove_others(directory, {"model.safetensors"});
  }
  const std::string index_name = "model.safetensors.index.json";
  std::vector<std::string> names;
  Json::Object weight_map;
  std::int64_t total = 0, parameters = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    names.push_back(shard_name(i + 1, shards.size()));
    for (const TensorToWrite& tensor : shards[i]) {
      weight_map.emplace_back(tensor.name, names.back());
      const auto bytes = static_cast<std::int64_t>(bytes_of(tensor));
      total += bytes;
      parameters += bytes / static_cast<std::int64_t>(size_of(tensor.dtype));
    }
  }
  std::sort(weight_map.begin(), weight_map.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto twice =
      std::adjacent_find(weight_map.begin(), weight_map.end(),
                         [](const auto& a, const auto& b) { return a.first == b.first; });
  check(twice == weight_map.end(), directory.string(), ": two tensors have one name, ",
        twice == weight_map.end() ? "" : json_quote(twice->first));
  Json index;
  index["metadata"]["total_parameters"] = parameters;
  index["metadata"]["total_size"] = total;
  index["weight_map"] = std::move(weight_map);

  const auto unfinished = [&](const std::string& name) { return directory / (name + ".new"); };
  std::error_code error;
  try {
    for (std::size_t i = 0; i < shards.size(); ++i)
      write_safetensors(unfinished(names[i]), shards[i]);
  } catch (...) {
    for (const std::string& name : names) fs::remove(unfinished(name), error);
    throw;
  }
  // From here on nobody finds a sharded model until all of it is there.
  fs::remove(directory / index_name, error);
  for (const std::string& name : names) {
    fs::rename(unfinished(name), directory / name, error);
    check(!error, (directory / name).string(), ": can't be replaced: ", error.message());
  }
  replace_file(directory / index_name, index.dump(2) + "\n");
  std::unordered_set<std::string> written(names.begin(), names.end());
  written.insert(index_name);
  remove_others(directory, written);
}

}  // namespace retort
