// The golden models of tests/golden/architectures: which there are, their heads, loading them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "nn/weights/load.h"
#include "tests/app/model_testing.h"

namespace retort::testing {

inline std::vector<std::string> golden_names() {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  for (const auto& entry :
       fs::directory_iterator(fs::path(RETORT_SOURCE_DIR) / "tests/golden/architectures"))
    if (entry.is_directory()) names.push_back("architectures/" + entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

inline std::vector<Task> tasks_of(const Golden& golden) {
  std::vector<Task> tasks;
  for (const Json& task : golden.record().find("tasks")->as_array("tasks"))
    tasks.push_back(parse_task(task.as_string("task")));
  return tasks;
}

inline LoadedModel load_for(const Golden& golden, Task task, bool frozen = false) {
  ModelConfig config = ModelConfig::read(golden.path());
  config.task = task;
  return load_model(golden.path(), config, {.frozen = frozen});
}

/// The golden sequences as the model takes them.
inline std::vector<TokenSequence> sequences_for(const Model& model, const Golden& golden) {
  std::vector<TokenSequence> sequences = golden.sequences("");
  if (model.config().targets() != Targets::given)
    for (TokenSequence& sequence : sequences) sequence.target_ids.clear();
  return sequences;
}

/// 1 to count.
inline std::vector<int> all_layers(std::int64_t count) {
  std::vector<int> layers(static_cast<std::size_t>(count));
  std::iota(layers.begin(), layers.end(), 1);
  return layers;
}
inline std::vector<int> decoder_layers_of(const Model& model) {
  return all_layers(model.config().has_decoder() ? model.config().decoder_layers : 0);
}

}  // namespace retort::testing
