#include "distill/model_directory.h"

#include <algorithm>
#include <utility>

#include "distill/data/labels.h"
#include "distill/replace_directory.h"
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

namespace {
constexpr std::pair<Problem, const char*> kProblems[] = {{Problem::single_label, "single-label"},
                                                         {Problem::multi_label, "multi-label"},
                                                         {Problem::regression, "regression"}};
}  // namespace

Problem parse_problem(const std::string& text) {
  for (const auto& [problem, name] : kProblems)
    if (text == name) return problem;
  fail("--problem: expected single-label, multi-label or regression, found '", text, "'");
}

const char* flag_name(Problem problem) {
  for (const auto& [known, name] : kProblems)
    if (known == problem) return name;
  return "";
}

DirectoryFacts DirectoryFacts::read(const std::filesystem::path& directory) {
  const auto path = directory / "retort.json";
  DirectoryFacts facts;
  if (!std::filesystem::exists(path)) return facts;
  const Json json = Json::parse_file(path);
  try {
    facts.random = json.get("initialised", "trained") == "random";
    facts.fresh_head = json.get("head", "trained") == "fresh";
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
  if (fresh_head) json["head"] = "fresh";
  if (max_length > 0) json["max_length"] = max_length;
  json["pair_style"] = name(pair_style);
  replace_file(directory / "retort.json", json.dump(2) + "\n");
}

std::vector<std::string> DirectoryFacts::warnings(const std::filesystem::path& directory) const {
  if (!random && !fresh_head) return {};
  return {directory.string() + (random ? ": was initialised at random and never trained"
                                       : ": its head was made anew and never trained") +
          "; what it says is chance"};
}

void check_vocabulary(const Tokenizer& tokenizer, const ModelConfig& config, const std::string& where) {
  const std::int64_t pieces = tokenizer.vocab_size();
  check(pieces <= config.vocab_size, where, ": the tokenizer has ", pieces,
        " pieces and config.json a vocab_size of ", config.vocab_size,
        ": ids would lie beyond the table; use the vocabulary that belongs to the model");
  // Tables are often padded to a multiple of 8, 64 or 128 rows, and then by few (Qwen 2.5's, the most
  // of all, by 399 to 152,064). Any other difference is a vocabulary that lacks its end or belongs to
  // another model.
  const std::int64_t most = (pieces + pieces / 256 + 127) / 128 * 128;
  const bool padded = config.vocab_size % 8 == 0 && config.vocab_size <= most;
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
  if (config.task != Task::sequence_classification) config.problem = Problem::single_label;
  config.task = Task::sequence_classification;
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
                           const Tokenizer& tokenizer, const DirectoryFacts& facts,
                           const CompanionFiles& companions) {
  std::filesystem::create_directories(path);
  save_model(model, path);
  tokenizer.save(path, model.config().model_type, model.config().token_types > 0);
  companions.write(path, model.config().task, tokenizer);
  facts.write(path);
}

namespace {

// Whether write_model_directory writes files of this name.
bool is_model_file(const std::string& name) {
  for (const char* own : {"config.json", "retort.json", "tokenizer.json", "tokenizer_config.json",
                          "vocab.txt", "model.safetensors.index.json"})
    if (name == own) return true;
  if (CompanionFiles::has(name)) return true;
  return name.starts_with("model") && name.ends_with(".safetensors");
}

// "/a/b" of "b/".
std::filesystem::path without_slash(const std::filesystem::path& path) {
  const auto whole = std::filesystem::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

}  // namespace

void check_new_model_directory(const std::filesystem::path& path, bool overwrite) {
  check(!path.empty(), "--out: expected a directory to write, found nothing");
  if (!std::filesystem::exists(path)) return;
  check(std::filesystem::is_directory(path), path.string(), ": expected a directory, found a file");
  if (std::filesystem::is_empty(path)) return;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    check(entry.is_regular_file() && is_model_file(entry.path().filename().string()), path.string(),
          ": holds ", entry.path().filename().string(),
          ", which is no file of a model that was made here; use another --out");
  check(overwrite, path.string(), ": holds a model already; use --overwrite or another --out");
}

void create_model_directory(const std::filesystem::path& path, const Model& model,
                            const Tokenizer& tokenizer, const DirectoryFacts& facts,
                            const CompanionFiles& companions, bool overwrite,
                            const std::function<bool()>& proceed) {
  const auto final_path = without_slash(path);
  const auto folder = final_path.parent_path();
  const std::string name = final_path.filename().string();
  const auto building = folder / ("." + name + ".building"), aside = folder / ("." + name + ".old");
  restore_directory(final_path, aside);
  check_new_model_directory(path, overwrite);
  std::filesystem::remove_all(building);  // left by a process that was killed
  try {
    write_model_directory(building, model, tokenizer, facts, companions);
    check(proceed(), path.string(), ": interrupted; nothing was written");
    replace_directory(final_path, building, aside);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(building, ignored);
    throw;
  }
}

}  // namespace retort
