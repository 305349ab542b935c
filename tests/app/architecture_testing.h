// The golden models of tests/golden/architectures: which there are, their heads, loading them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/architecture.h"
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

/// T5, nothing of whose parameters' dimensions is said.
inline bool is_cut_by_layers_alone(const Model& model) {
  return find_architecture(model.config().model_type, "test").decoder_layers != nullptr;
}

}  // namespace retort::testing
