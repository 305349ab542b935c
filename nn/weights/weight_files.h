// The weights of a model directory: one model.safetensors, or shards with
// model.safetensors.index.json.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nn/weights/safetensors.h"

namespace retort {

class WeightFiles {
 public:
  /// `path`: a model directory, or one safetensors file. model.safetensors is taken before the
  /// index, as in transformers. Of a sharded model the tensors are those that the index's
  /// weight_map names. Errors: neither file is there; an index that isn't {"weight_map": {tensor:
  /// shard}}; a shard that is missing or isn't a plain file name of the same folder; a tensor that
  /// isn't in its shard.
  explicit WeightFiles(const std::filesystem::path& path);

  /// What was opened: the safetensors file or the index.
  const std::filesystem::path& path() const { return path_; }
  const std::vector<std::unique_ptr<SafetensorsFile>>& files() const { return files_; }

  struct Weight {
    const TensorEntry* tensor;
    const SafetensorsFile* file;
  };
  /// All tensors, in the order of their files.
  const std::vector<Weight>& weights() const { return weights_; }
  /// Null when there is no such tensor. Errors: its dtype is one that Retort doesn't compute with.
  const Weight* find(std::string_view name) const;

 private:
  void open_index();
  void add(const TensorEntry& tensor, const SafetensorsFile& file);

  std::filesystem::path path_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::vector<Weight> weights_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
  std::unordered_map<std::string, const SafetensorsFile*> foreign_;
};

}  // namespace retort
