// Files that go where a model goes, for those who write with it: generation_config.json, and how a
// conversation becomes a text. Retort trains without them; whoever generates with what it wrote
// would miss them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "nn/task.h"
#include "tensor/base/json.h"
#include "tokenizer/tokenizer.h"

namespace retort {

struct CompanionFiles {
  Json generation;            ///< generation_config.json; null: there is none
  std::string chat_template;  ///< chat_template.jinja; empty: there is none
  /// What tokenizer_config.json says of chats: chat_template (a text, or several with names), and
  /// the tokens that such texts name, bos_token and eos_token.
  Json tokenizer_keys = Json::Object{};

  /// Errors name the file: no JSON, no object.
  static CompanionFiles read(const std::filesystem::path& directory);

  /// For a vocabulary of which only `kept` (old ids, ascending) is left.
  void renumber(std::span<const std::int32_t> kept);

  /// Writes them beside a model for `task` and its tokenizer, whose tokenizer_config.json gets the
  /// keys whose tokens there are. Only a model that generates has a generation_config.json.
  void write(const std::filesystem::path& directory, Task task, const Tokenizer& tokenizer) const;

  /// Whether a file of this name is one of them.
  static bool has(const std::string& name);
};

}  // namespace retort
