#include "distill/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "nn/weights/safetensors.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"

namespace retort {
namespace {

constexpr std::size_t kKept = 2;

// Newest first.
std::vector<Checkpoint> all_checkpoints(const std::filesystem::path& out) {
  std::vector<Checkpoint> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(out / "checkpoints", error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("step-")) continue;
    Checkpoint checkpoint{0, entry.path()};
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + 5, end, checkpoint.step);
    if (parsed.ec == std::errc() && parsed.ptr == end) found.push_back(checkpoint);
  }
  std::sort(found.begin(), found.end(),
            [](const Checkpoint& a, const Checkpoint& b) { return a.step > b.step; });
  return found;
}

constexpr const char* kBuilding = ".building-";

// Removes what is half-built, by this run or by one that was killed.
void remove_half_built(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().filename().string().starts_with(kBuilding)) found.push_back(entry.path());
  for (const auto& path : found) std::filesystem::remove_all(path, error);
}

Tensor tensor_of(const SafetensorsFile& file, const std::string& name) {
  const TensorEntry* entry = file.find(name);
  const std::string path = file.file()->path().string();
  check(entry != nullptr, path, ": ", name, " is missing; the checkpoint belongs to another model");
  check(entry->dtype == DType::f32, path, ": ", name, ": expected f32, found ", retort::name(entry->dtype));
  Tensor tensor = Tensor::empty(Shape(std::span<const std::int64_t>(entry->shape)));
  if (!entry->bytes.empty()) std::memcpy(tensor.mutable_raw(), entry->bytes.data(), entry->bytes.size());
  return tensor;
}

}  // namespace

std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& out) {
  const auto found = all_checkpoints(out);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

void save_checkpoint(const std::filesystem::path& out, std::int64_t step, const Model& model,
                     const Adamw& optimizer, const Json& state) {
  const auto folder = out / "checkpoints";
  const auto building = folder / (kBuilding + ("step-" + std::to_string(step)));
  const auto final_path = folder / ("step-" + std::to_string(step));
  remove_half_built(folder);
  std::vector<TensorToWrite> weights, moments;
  for (const Parameter& parameter : model.parameters()) {
    const Tensor& value = parameter.variable.value();
    weights.push_back({parameter.name, value.dtype(), {value.shape().begin(), value.shape().end()}, value.raw()});
  }
  const auto optimizer_state = optimizer.state();
  for (const auto& [name, value] : optimizer_state)
    moments.push_back({name, value.dtype(), {value.shape().begin(), value.shape().end()}, value.raw()});
  Json complete = state;
  complete["step"] = step;
  complete["optimizer_steps"] = optimizer.steps();
  try {
    std::filesystem::create_directories(building);
    write_safetensors(building / "model.safetensors", weights);
    write_safetensors(building / "optimizer.safetensors", moments);
    replace_file(building / "state.json", complete.dump(2) + "\n");
    std::filesystem::remove_all(final_path);  // left by a run that was overwritten
    std::filesystem::rename(building, final_path);
  } catch (...) {
    remove_half_built(folder);  // on a full disk above all
    throw;
  }
  sync_directory(folder);
  const auto found = all_checkpoints(out);
  for (std::size_t i = kKept; i < found.size(); ++i) std::filesystem::remove_all(found[i].path);
}

Json load_checkpoint(const Checkpoint& checkpoint, Model& model, Adamw& optimizer) {
  const Json state = Json::parse_file(checkpoint.path / "state.json");
  const SafetensorsFile weights(checkpoint.path / "model.safetensors");
  for (Parameter& parameter : model.parameters())
    parameter.variable.leaf_value().copy_from(tensor_of(weights, parameter.name));
  const SafetensorsFile moments(checkpoint.path / "optimizer.safetensors");
  optimizer.restore(state.get("optimizer_steps", checkpoint.step),
                    [&](const std::string& name) { return tensor_of(moments, name); });
  return state;
}

}  // namespace retort
