// What the tests of whole runs share: a folder with tiny models and small tables, runs in this
// process, and what a run leaves behind.
#pragma once

#include <map>
#include <memory>
#include <sstream>

#include "distill/data/tickets.h"
#include "distill/model_directory.h"
#include "distill/run.h"
#include "nn/weights/load.h"
#include "tensor/base/parallel.h"
#include "tests/app/model_testing.h"
#include "tokenizer/training/wordpiece.h"

namespace retort::testing {

inline constexpr std::int64_t kTrainRows = 60, kDevRows = 24;

/// train.tsv, dev.tsv, and the model directories `teacher` (BERT, 3 layers, taken for trained) and
/// `start` (BERT, 2 layers, initialised at random).
class World {
 public:
  explicit World(const std::string& name) : folder_(name) {
    const auto pairs = make_tickets(kTrainRows + kDevRows, 7);
    const auto cut = pairs.begin() + kTrainRows;
    write("train.tsv", tickets_tsv({pairs.begin(), cut}));
    write("dev.tsv", tickets_tsv({cut, pairs.end()}));
    std::vector<std::string> texts;
    for (const TicketPair& pair : pairs) {
      texts.push_back(pair.text_a);
      texts.push_back(pair.text_b);
    }
    tokenizer_ = std::make_unique<Tokenizer>(
        Tokenizer::from_vocab(train_wordpiece(texts, {.vocab_size = 301}), {}));
    make_model_directory("teacher", config("bert", 3), 1, false);
    make_model_directory("start", config("bert", 2), 2, true);
  }

  const std::filesystem::path& path() const { return folder_.path(); }
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    return folder_.write(name, content);
  }
  const Tokenizer& tokenizer() const { return *tokenizer_; }

  ModelConfig config(const std::string& type, std::int64_t layers) const {
    ModelConfig config;
    config.model_type = type;
    config.vocab_size = tokenizer_->vocab_size();
    config.hidden_size = 16;
    config.heads = 2;
    config.intermediate_size = 24;
    config.max_positions = 40;
    config.token_types = type == "bert" ? 2 : 0;
    config.layers = layers;
    config.initializer_range = 0.3;
    return config;
  }

  /// Writes a directory and gives its path.
  std::string make_model_directory(const std::string& name, const ModelConfig& config,
                                   std::uint64_t seed, bool random,
                                   PairStyle style = PairStyle::segments) const {
    DirectoryFacts facts;
    facts.random = random;
    facts.max_length = random ? 0 : 32;
    facts.pair_style = style;
    write_model_directory(folder_.path() / name, *random_model(config, seed), *tokenizer_, facts);
    return at(name);
  }

  /// Fine-tunes `start`: 2 epochs of 8 steps.
  Recipe train_recipe() const {
    Recipe recipe;
    recipe.command = "train";
    recipe.model = at("start");
    recipe.objective = Objective::labels_only();
    return common(recipe);
  }
  /// Distils `teacher` into a DistilBERT with its layers 1 and 3: 2 epochs of 8 steps.
  Recipe distill_recipe() const {
    Recipe recipe;
    recipe.command = "distill";
    recipe.teacher = at("teacher");
    recipe.student_layers = {1, 3};
    recipe.objective = Objective::distillation(0.7, 3);
    return common(recipe);
  }

 private:
  Recipe common(Recipe recipe) const {
    recipe.data = at("train.tsv");
    recipe.dev = at("dev.tsv");
    recipe.out = at("out");
    recipe.batch_size = 8;
    recipe.epochs = 2;
    recipe.lr = 2e-3;
    return recipe;
  }

  Folder folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

inline constexpr std::int64_t kStepsPerEpoch = 8;  // 60 rows in batches of 8

/// Thrown by a callback: the process dies here.
struct Killed {};

inline RunSummary run(const Recipe& recipe, RunOptions options = {}, RunCallbacks callbacks = {}) {
  return run_recipe(recipe, options, callbacks);
}

/// Asks to stop after step `step`, as Ctrl-C does.
inline RunCallbacks stop_at(std::int64_t step) {
  const auto last = std::make_shared<std::int64_t>(0);
  RunCallbacks callbacks;
  callbacks.step = [last](const StepReport& report) { *last = report.step; };
  callbacks.should_stop = [last, step] { return *last >= step; };
  return callbacks;
}

/// Dies at step `step`, as by SIGKILL: nothing more is written.
inline RunCallbacks die_at(std::int64_t step) {
  RunCallbacks callbacks;
  callbacks.step = [step](const StepReport& report) {
    if (report.step == step) throw Killed{};
  };
  return callbacks;
}

/// log.jsonl as objects, without the seconds, which no two runs share.
inline std::vector<Json> log_of(const std::filesystem::path& out) {
  std::vector<Json> lines;
  std::istringstream file(content_of(out / "log.jsonl"));
  for (std::string line; std::getline(file, line);) {
    const Json whole = Json::parse(line, "log.jsonl");
    Json kept = Json::Object{};
    for (const auto& [key, value] : whole.as_object("log.jsonl"))
      if (key != "seconds") kept[key] = value;
    lines.push_back(kept);
  }
  return lines;
}

/// All files under `path` with their bytes.
inline std::map<std::string, std::string> files_of(const std::filesystem::path& path) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
    if (entry.is_regular_file())
      files[std::filesystem::relative(entry.path(), path).string()] = content_of(entry.path());
  return files;
}

/// What must be the same for two runs of one recipe: the model directory, the recipe, the log
/// without times, and the last checkpoint's tensors.
inline std::map<std::string, std::string> result_of(const std::filesystem::path& out) {
  std::map<std::string, std::string> result;
  std::int64_t newest = -1;
  for (const auto& [name, content] : files_of(out)) {
    if (name.starts_with("checkpoints/step-"))
      newest = std::max<std::int64_t>(newest, std::stol(name.substr(17)));
    else if (name != "log.jsonl") result[name] = content;
  }
  const std::string last = "checkpoints/step-" + std::to_string(newest);
  for (const std::string file : {"model.safetensors", "optimizer.safetensors"})
    result[last + "/" + file] = content_of(out / last / file);
  for (const Json& line : log_of(out)) result["log"] += line.dump() + "\n";
  return result;
}

/// Compares file by file, so that a failure names the file and doesn't print it.
inline void check_same_result(const std::map<std::string, std::string>& a,
                              const std::map<std::string, std::string>& b) {
  for (const auto& [name, content] : a) {
    INFO(name);
    const auto found = b.find(name);
    REQUIRE(found != b.end());
    if (name == "log" || name == "recipe.json") CHECK(found->second == content);
    const bool same = found->second == content;
    CHECK(same);
  }
  CHECK(a.size() == b.size());
}

/// The steps of the checkpoints that are there.
inline std::vector<std::int64_t> checkpoints_of(const std::filesystem::path& out) {
  std::vector<std::int64_t> steps;
  for (const auto& entry : std::filesystem::directory_iterator(out / "checkpoints")) {
    const std::string name = entry.path().filename().string();
    CHECK(name.starts_with("step-"));
    if (name.starts_with("step-")) steps.push_back(std::stol(name.substr(5)));
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

/// Puts the number of threads back when a test ends.
class RestoreThreads {
 public:
  RestoreThreads() : threads_(thread_count()) {}
  ~RestoreThreads() { set_thread_count(threads_); }
  RestoreThreads(const RestoreThreads&) = delete;
  RestoreThreads& operator=(const RestoreThreads&) = delete;

 private:
  int threads_;
};

/// Overwrites every weight of a directory's model with NaN: whoever runs it is found out.
inline void damage_weights(const std::filesystem::path& directory) {
  auto loaded = load_model(directory);
  for (Parameter& parameter : loaded.model->parameters())
    parameter.variable = Variable::parameter(Tensor::full(parameter.shape, std::nan("")));
  save_model(*loaded.model, directory);
}

}  // namespace retort::testing
