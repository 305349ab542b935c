// generation_config.json: how the makers of a model want it to go on with texts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nn/config.h"
#include "nn/generate.h"

namespace retort {

struct GenerationConfig {
  GenerateOptions options;
  std::vector<std::string> stop_strings;
  std::vector<std::string> warnings;  ///< about keys that Retort has nothing for

  /// The directory's; defaults where there is none. End-of-sequence ids that it doesn't name are
  /// those of config.json. Errors name the file and the key: not JSON, another kind of value, a
  /// number that can't be.
  static GenerationConfig read(const std::filesystem::path& directory, const ModelConfig& config);
};

}  // namespace retort
