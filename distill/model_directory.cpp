#include "distill/model_directory.h"

#include <algorithm>

#include "distill/data/labels.h"
#include "nn/weights/load.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"

namespace retort {

PairStyle parse_pair_style(const std::string& text) {
  check(text == "segments" || text == "joined", "--pair-style: expected segments or joined, found '",
        text, "'");
  return text == "joined" ? PairStyle::joined : PairStyle::segments;
}

const char* name(PairStyle style) { return style == PairStyle::joined ? "joined" : "segments"; }

DirectoryFacts DirectoryFacts::read(const std::filesystem::path& directory) {
  const auto path = directory / "retort.json";
  DirectoryFacts facts;
  if (!std::filesystem::exists(path)) return facts;
  const Json json = Json::parse_file(path);
  try {
    facts.random = json.get("initialised", "trained") == "random";
    const std::int64_t length = json.get("max_length", 0);
    check(length >= 0 && length <= 1 << 24, "max_length: expected a length, found ", length);
    facts.max_length = static_cast<int>(length);
    facts.pair_style = parse_pair_style(json.get("pair_style", "segments"));
  } catch (const Error& error) {
    fail(path.string(), ": ", error.what());
  }
  return facts;
}

void DirectoryFacts::write(const std::filesystem::path& directory) const {
  Json json = Json::Object{};
  json["initialised"] = random ? "random" : "trained";
  if (max_length > 0) json["max_length"] = max_length;
  json["pair_style"] = name(pair_style);
  replace_file(directory / "retort.json", json.dump(2) + "\n");
}

void check_vocabulary(const Tokenizer& tokenizer, const ModelConfig& config, const std::string& where) {
  const std::int64_t pieces = tokenizer.vocab_size();
  check(pieces <= config.vocab_size, where, ": the tokenizer has ", pieces,
        " pieces and config.json a vocab_size of ", config.vocab_size,
        ": ids would lie beyond the table; use the vocabulary that belongs to the model");
  // Tables are often padded to a multiple of 8, 64 or 128 rows, never by more. Any other difference is
  // a vocabulary that lacks its end or belongs to another model.
  const bool padded = config.vocab_size % 8 == 0 && config.vocab_size <= (pieces + 127) / 128 * 128;
  check(config.vocab_size == pieces || padded, where, ": the tokenizer has only ", pieces,
        " pieces and config.json a vocab_size of ", config.vocab_size,
        ": the vocabulary belongs to another model (or set vocab_size to ", pieces, ")");
}

ModelDirectory ModelDirectory::open(const std::filesystem::path& path) {
  ModelConfig config = ModelConfig::read(path);
  // Stricter than what a model needs: names twice, id2label and label2id that contradict each other.
  config.labels = LabelMap::from_config(config.raw, (path / "config.json").string()).names();
  ModelDirectory directory{path, std::move(config), Tokenizer::load(path), DirectoryFacts::read(path)};
  check_vocabulary(directory.tokenizer, directory.config, path.string());
  return directory;
}

ModelDirectory ModelDirectory::open_classifier(const std::filesystem::path& path) {
  ModelDirectory directory = open(path);
  ModelConfig& config = directory.config;
  check(config.task != Task::sequence_classification || config.problem == Problem::single_label,
        path.string(), ": expected a classifier of single labels, found one for ", name(config.problem));
  config.task = Task::sequence_classification;
  config.problem = Problem::single_label;
  return directory;
}

int ModelDirectory::max_length(int wanted) const {
  const auto positions = static_cast<int>(config.max_tokens());
  check(wanted <= positions, "--max-length: ", wanted, " is more than the ", positions, " positions of ",
        path.string());
  check(wanted == 0 || wanted >= 4, "--max-length: expected at least 4 tokens, found ", wanted);
  if (wanted > 0) return wanted;
  if (facts.max_length > 0) return std::min(facts.max_length, positions);
  return std::min(128, positions);
}

void write_model_directory(const std::filesystem::path& path, const Model& model,
                           const Tokenizer& tokenizer, const DirectoryFacts& facts) {
  std::filesystem::create_directories(path);
  save_model(model, path);
  tokenizer.save(path, model.config().model_type, model.config().token_types > 0);
  facts.write(path);
}

}  // namespace retort
