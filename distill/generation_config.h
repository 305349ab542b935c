// generation_config.json: how the makers of a model want it to go on with texts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nn/config.h"
#include "nn/generate.h"

namespace retort {

struct GenerationConfig {
  GenerateOptions options;
  std::vector<std::string> stop_strings;
  std::optional<std::int32_t> bos;    ///< with which a text begins that nobody has begun
  std::int64_t decoder_start = 0;     ///< with which an encoder-decoder begins to write
  std::vector<std::string> warnings;  ///< about keys that Retort has nothing for

  /// The directory's generation_config.json. Where there is none, config.json's keys of these names
  /// (older directories have them there), else defaults. As in transformers, max_new_tokens and
  /// min_new_tokens count more than max_length and min_length, and an encoder-decoder for which the
  /// file names no decoder_start_token_id begins with its bos_token_id; unlike there, ids that the
  /// file doesn't name are those of config.json. Errors name the file and the key: not JSON,
  /// another kind of value, a number that can't be.
  static GenerationConfig read(const std::filesystem::path& directory, const ModelConfig& config);
};

}  // namespace retort
