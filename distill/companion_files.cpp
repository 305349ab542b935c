#include "distill/companion_files.h"

#include "nn/renumbered_ids.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"

namespace retort {
namespace {

constexpr const char* kGeneration = "generation_config.json";
constexpr const char* kChatTemplate = "chat_template.jinja";
constexpr const char* kTokenizer = "tokenizer_config.json";
constexpr std::size_t kMostBytes = 10'000'000;

Json read_object(const std::filesystem::path& path) {
  Json json = Json::parse(read_file(path, kMostBytes), path.string());
  check(json.is_object(), path.string(), ": expected an object, found a ", json.kind());
  return json;
}

// The text of a token, which stands as it is or with how it is found in texts; empty if it is none.
std::string token_text(const Json& token) {
  const Json* text = token.is_object() ? token.find("content") : &token;
  return text && text->is_string() ? text->as_string("") : std::string();
}

}  // namespace

CompanionFiles CompanionFiles::read(const std::filesystem::path& directory) {
  CompanionFiles found;
  if (const auto path = directory / kGeneration; std::filesystem::exists(path))
    found.generation = read_object(path);
  if (const auto path = directory / kChatTemplate; std::filesystem::exists(path))
    found.chat_template = read_file(path, kMostBytes);
  if (const auto path = directory / kTokenizer; std::filesystem::exists(path)) {
    const Json json = read_object(path);
    for (const char* key : {"bos_token", "eos_token", "chat_template"})
      if (const Json* value = json.find(key); value && !value->is_null())
        found.tokenizer_keys[key] = *value;
  }
  return found;
}

void CompanionFiles::renumber(std::span<const std::int32_t> kept) {
  if (!generation.is_null()) generation = renumbered_ids(generation, kept, kGeneration);
}

void CompanionFiles::write(const std::filesystem::path& directory, Task task,
                           const Tokenizer& tokenizer) const {
  const bool generates = task == Task::causal_lm || task == Task::seq2seq_lm;
  if (generates && !generation.is_null())
    replace_file(directory / kGeneration, generation.dump(2) + "\n");
  if (!chat_template.empty()) replace_file(directory / kChatTemplate, chat_template);
  Json config = read_object(directory / kTokenizer);
  const std::size_t before = config.as_object(kTokenizer).size();
  for (const auto& [key, value] : tokenizer_keys.as_object(kTokenizer))
    if (key == "chat_template" || tokenizer.id(token_text(value))) config[key] = value;
  if (config.as_object(kTokenizer).size() > before)
    replace_file(directory / kTokenizer, config.dump(2) + "\n");
}

bool CompanionFiles::has(const std::string& name) {
  return name == kGeneration || name == kChatTemplate;
}

}  // namespace retort
