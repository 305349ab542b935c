#include "nn/weights/weight_files.h"

#include <algorithm>

#include "nn/weights/safetensors_format.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {
namespace {

constexpr std::size_t kMaxIndexBytes = 100'000'000;

// What a model directory may hold, in the order in which transformers looks.
constexpr const char* kFileNames[] = {"model.safetensors", "model.safetensors.index.json",
                                      "pytorch_model.bin", "pytorch_model.bin.index.json"};

// A shard is a plain name: a path could lead out of the model directory.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

}  // namespace

WeightFiles::WeightFiles(const std::filesystem::path& path, Renames renames)
    : path_(path), renames_(std::move(renames)) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    const auto found = std::find_if(std::begin(kFileNames), std::end(kFileNames), [&](auto name) {
      return std::filesystem::exists(path / name, error);
    });
    check(found != std::end(kFileNames), path.string(),
          ": expected model.safetensors, pytorch_model.bin or the *.index.json of one of them in "
          "this folder, found none");
    path_ = path / *found;
  }
  if (path_.extension() == ".json") {
    open_index();
  } else {
    files_.push_back(WeightFile::open(path_));
    for (const auto& tensor : files_.back()->entries()) add(tensor, *files_.back());
    for (const auto& tensor : files_.back()->foreign()) add_foreign(tensor.name, *files_.back());
  }
  check(renames_.unused().empty(), "--rename ", renames_.unused(), ": fits no tensor of ",
        path_.string(), weights_.empty() ? "" : ", whose first is ",
        weights_.empty() ? "" : shown_name(weights_.front().tensor->name));
}

void WeightFiles::open_index() {
  const std::string name = path_.string();
  const Json index = Json::parse(read_file(path_, kMaxIndexBytes), name);
  const Json* map = index.find("weight_map");
  check(map && map->is_object(), name,
        ": expected an object \"weight_map\" of tensor names and shards, found ",
        map ? map->kind() : "none");
  std::unordered_map<std::string, const WeightFile*> shards;
  // (tensor name, shard) pairs that Retort computes with, to keep weights() in the order of the
  // files.
  std::unordered_map<std::string_view, const WeightFile*> wanted;
  for (const auto& [tensor, value] : map->as_object("weight_map")) {
    check(value.is_string() && is_plain_name(value.as_string("weight_map")), name, ": tensor ",
          shown_name(tensor), ": expected the file name of a shard in the same folder, found ",
          shown_name(value.dump()));
    const std::string& shard = value.as_string("weight_map");
    auto& file = shards[shard];
    if (!file) {
      const auto shard_path = path_.parent_path() / shard;
      std::error_code error;
      check(std::filesystem::exists(shard_path, error), name, ": tensor ", shown_name(tensor),
            " is in the shard ", shown_name(shard), ", which is missing; download it again");
      files_.push_back(WeightFile::open(shard_path));
      file = files_.back().get();
    }
    if (file->find_foreign(tensor)) {
      add_foreign(tensor, *file);
    } else {
      check(file->find(tensor), name, ": tensor ", shown_name(tensor), " isn't in its shard ",
            shown_name(shard), "; index and shards are of different models");
      wanted.emplace(tensor, file);
    }
  }
  for (const auto& file : files_)
    for (const auto& tensor : file->entries())
      if (const auto found = wanted.find(tensor.name);
          found != wanted.end() && found->second == file.get())
        add(tensor, *file);
}

void WeightFiles::add(const TensorEntry& tensor, const WeightFile& file) {
  std::string name = renames_.empty() ? tensor.name : renames_(tensor.name);
  const auto [found, added] = by_name_.emplace(name, weights_.size());
  if (!added)
    fail(file.file()->path().string(), ": --rename gives the tensors ",
         shown_name(weights_[found->second].tensor->name), " and ", shown_name(tensor.name),
         " one name, ", shown_name(name));
  weights_.push_back({std::move(name), &tensor, &file});
}

void WeightFiles::add_foreign(const std::string& name, const WeightFile& file) {
  foreign_.emplace(renames_.empty() ? name : renames_(name), Foreign{name, &file});
}

const WeightFiles::Weight* WeightFiles::find(std::string_view name) const {
  const std::string key(name);
  if (const auto found = by_name_.find(key); found != by_name_.end())
    return &weights_[found->second];
  if (const auto found = foreign_.find(key); found != foreign_.end())
    found->second.file->find(found->second.name);  // throws: names the file and the dtype
  return nullptr;
}

}  // namespace retort
