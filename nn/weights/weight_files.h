// The weights of a model directory: one file, or shards and an index that says which tensor is in
// which; safetensors or PyTorch's own format; read, and written as transformers does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nn/weights/rename.h"
#include "nn/weights/safetensors.h"

namespace retort {

class WeightFiles {
 public:
  /// `path`: a model directory, or one file of weights. In a directory model.safetensors is taken
  /// before model.safetensors.index.json, pytorch_model.bin and pytorch_model.bin.index.json, as in
  /// transformers. Of a sharded model the tensors are those that the index's weight_map names.
  /// Tensors are known under the names that `renames` gives them. Errors: none of the files is
  /// there; an index that isn't {"weight_map": {tensor: shard}}; a shard that is missing or isn't a
  /// plain file name of the same folder; a tensor that isn't in its shard; a rule that renames
  /// nothing, or gives two tensors one name.
  explicit WeightFiles(const std::filesystem::path& path, Renames renames = {});

  /// What was opened: the file or the index.
  const std::filesystem::path& path() const { return path_; }
  const std::vector<std::unique_ptr<WeightFile>>& files() const { return files_; }

  struct Weight {
    std::string name;           ///< as renamed
    const TensorEntry* tensor;  ///< under the file's own name
    const WeightFile* file;
  };
  /// All tensors, in the order of their files.
  const std::vector<Weight>& weights() const { return weights_; }
  /// Null when there is no such tensor. Errors: its dtype is one that Retort doesn't compute with.
  const Weight* find(std::string_view name) const;

 private:
  void open_index();
  void add(const TensorEntry& tensor, const WeightFile& file);
  void add_foreign(const std::string& name, const WeightFile& file);

  struct Foreign {
    std::string name;  // the file's own
    const WeightFile* file;
  };
  std::filesystem::path path_;
  Renames renames_;
  std::vector<std::unique_ptr<WeightFile>> files_;
  std::vector<Weight> weights_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::unordered_map<std::string, Foreign> foreign_;
};

/// How large a file of weights gets before it is split.
inline constexpr std::uint64_t kMaxShardBytes = 5'000'000'000;

/// Writes `tensors` to a model directory as transformers does: model.safetensors or, when their
/// data takes more than `max_shard_bytes`, model-00001-of-0000N.safetensors and so on, filled in
/// the order given, with model.safetensors.index.json. Weights that the directory had before are
/// gone afterwards. Whenever it is killed, the directory has the old weights or the new ones or,
/// where both are sharded, for a moment none, never some of each. Errors: those of
/// write_safetensors; a limit of 0.
void write_weights(const std::filesystem::path& directory, std::span<const TensorToWrite> tensors,
                   std::uint64_t max_shard_bytes = kMaxShardBytes);

}  // namespace retort
