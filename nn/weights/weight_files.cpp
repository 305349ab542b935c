#include "nn/weights/weight_files.h"

#include "nn/weights/safetensors_format.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {
namespace {

constexpr std::size_t kMaxIndexBytes = 100'000'000;

// A shard is a plain name: a path could lead out of the model directory.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

}  // namespace

WeightFiles::WeightFiles(const std::filesystem::path& path) : path_(path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const bool is_directory = fs::is_directory(path, error);
  if (is_directory) {
    path_ = path / "model.safetensors";
    if (!fs::exists(path_, error)) path_ = path / "model.safetensors.index.json";
    if (!fs::exists(path_, error)) {
      const bool pickled = fs::exists(path / "pytorch_model.bin", error) ||
                           fs::exists(path / "pytorch_model.bin.index.json", error);
      fail(path.string(),
           ": expected model.safetensors or model.safetensors.index.json in this folder, found ",
           pickled ? "only pytorch_model.bin; save the model again as safetensors" : "neither");
    }
  }
  if (path_.extension() == ".json") {
    open_index();
    return;
  }
  files_.push_back(std::make_unique<SafetensorsFile>(path_));
  for (const auto& tensor : files_.back()->entries()) add(tensor, *files_.back());
  for (const auto& tensor : files_.back()->foreign())
    foreign_.emplace(tensor.name, files_.back().get());
}

void WeightFiles::open_index() {
  const std::string name = path_.string();
  const Json index = Json::parse(read_file(path_, kMaxIndexBytes), name);
  const Json* map = index.find("weight_map");
  check(map && map->is_object(), name,
        ": expected an object \"weight_map\" of tensor names and shards, found ",
        map ? map->kind() : "none");
  std::unordered_map<std::string, const SafetensorsFile*> shards;
  // (tensor name, shard) pairs that Retort computes with, to keep weights() in the order of the
  // files.
  std::unordered_map<std::string_view, const SafetensorsFile*> wanted;
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
      files_.push_back(std::make_unique<SafetensorsFile>(shard_path));
      file = files_.back().get();
    }
    if (file->find_foreign(tensor)) {
      foreign_.emplace(tensor, file);
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

void WeightFiles::add(const TensorEntry& tensor, const SafetensorsFile& file) {
  by_name_.emplace(tensor.name, weights_.size());
  weights_.push_back({&tensor, &file});
}

const WeightFiles::Weight* WeightFiles::find(std::string_view name) const {
  if (const auto found = by_name_.find(name); found != by_name_.end())
    return &weights_[found->second];
  if (const auto found = foreign_.find(std::string(name)); found != foreign_.end())
    found->second->find(name);  // throws: names the file and the dtype
  return nullptr;
}

}  // namespace retort
