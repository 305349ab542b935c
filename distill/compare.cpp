#include "distill/compare.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>

#include "distill/checkpoint.h"
#include "distill/evaluate.h"
#include "nn/weights/load.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"

namespace retort {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSamplesFromData = 10;
constexpr std::size_t kTeacherLogits = 500;  // enough for a mean entropy
constexpr const char* kNames[] = {"teacher", "student, distilled", "student, labels only"};

struct Candidate {
  ModelDirectory directory;
  std::unique_ptr<Model> model;
  Examples examples;
  std::vector<float> logits;
};

Candidate open_candidate(const std::string& path) {
  ModelDirectory directory = ModelDirectory::open_classifier(path);
  LoadedModel loaded = load_model(directory.path, directory.config, {.frozen = true});
  check_trained_head(loaded.report, path);
  return {std::move(directory), std::move(loaded.model), {}, {}};
}

double number_or_absent(const Json& json, const char* key) {
  const Json* value = json.find(key);
  return value && value->is_number() ? value->as_number(key) : kAbsent;
}

// What training wrote beside the model, where it did.
void read_history(const fs::path& directory, ModelSummary& summary) {
  std::ifstream log(directory / "log.jsonl");
  std::int64_t line_number = 0;
  for (std::string line; std::getline(log, line);) {
    const Json json =
        Json::parse(line, (directory / "log.jsonl").string() + ": line " + std::to_string(++line_number));
    summary.curve.push_back({json.get("step", 0), number_or_absent(json, "loss"),
                             number_or_absent(json, "soft"), number_or_absent(json, "hard")});
  }
  const auto checkpoint = newest_checkpoint(directory);
  if (!checkpoint) return;
  const Json state = Json::parse_file(checkpoint->path / "state.json");
  if (const Json* epochs = state.find("epochs"))
    for (const Json& epoch : epochs->as_array("epochs"))
      summary.epochs.push_back({number_or_absent(epoch, "epoch"), number_or_absent(epoch, "accuracy"),
                                number_or_absent(epoch, "f1")});
}

ModelSummary summarise(const Candidate& candidate, const char* name, double ms_per_batch) {
  const ModelConfig& config = candidate.directory.config;
  const ClassificationMetrics metrics = score(candidate.logits, candidate.examples, config.num_labels());
  ModelSummary summary;
  summary.name = name;
  summary.directory = candidate.directory.path.string();
  summary.description = config.model_type + " " + std::to_string(config.layers) + " x " +
                        std::to_string(config.hidden_size);
  summary.parameters = candidate.model->parameters().count();
  summary.megabytes = static_cast<double>(summary.parameters) * sizeof(float) / 1e6;
  summary.accuracy = metrics.accuracy();
  summary.f1 = metrics.f1();
  summary.loss = metrics.loss();
  summary.ms_per_batch = ms_per_batch;
  summary.examples = metrics.examples();
  read_history(candidate.directory.path, summary);
  return summary;
}

// Rows spread over the data, those on which the models disagree first.
Table pick_samples(const Table& data, const std::vector<Candidate>& candidates) {
  Table samples = data;
  samples.rows.clear();
  const std::int64_t classes = candidates[0].directory.config.num_labels();
  for (const bool wanted : {false, true}) {
    std::size_t taken = 0;
    for (std::size_t row = 0; row < data.rows.size() && taken < kSamplesFromData / 2; ++row) {
      bool agree = true;
      const auto at = static_cast<std::int64_t>(row) * classes;
      const std::int64_t first = predicted_label(candidates[0].logits.data() + at, classes);
      for (const Candidate& candidate : candidates)
        agree = agree && predicted_label(candidate.logits.data() + at, classes) == first;
      if (agree != wanted) continue;
      samples.rows.push_back(data.rows[row]);
      ++taken;
    }
  }
  return samples;
}

SamplePrediction predict_sample(const Row& row, const std::vector<Candidate>& candidates, const LabelMap& labels) {
  SamplePrediction sample;
  sample.text = row.text;
  sample.pair = row.pair.value_or("");
  if (row.label)
    if (const auto id = labels.find(*row.label)) sample.gold = labels.name(*id);
  for (const Candidate& candidate : candidates) {
    Examples one;
    one.sequences.push_back(encode_text(
        candidate.directory.tokenizer, row.text,
        row.pair ? std::optional<std::string_view>(*row.pair) : std::nullopt,
        candidate.directory.max_length(0), candidate.directory.facts.pair_style));
    const std::vector<float> logits = predict_logits(*candidate.model, one);
    const auto classes = static_cast<std::int64_t>(logits.size());
    const std::int64_t label = predicted_label(logits.data(), classes);
    sample.by.push_back({labels.name(label), softmax_row(logits.data(), classes)[static_cast<std::size_t>(label)]});
  }
  return sample;
}

}  // namespace

Report compare_models(const CompareOptions& options, std::vector<std::string>& warnings) {
  std::vector<Candidate> candidates;
  for (const std::string& directory : options.directories) candidates.push_back(open_candidate(directory));
  const LabelMap labels(candidates[0].directory.config.labels);
  for (const Candidate& other : candidates) {
    const auto difference = labels.first_difference(LabelMap(other.directory.config.labels), "the teacher",
                                                    other.directory.path.string());
    check(!difference, "compare: the models have different labels: ", difference.value_or(""));
  }
  const Table data = read_table(options.data, options.table);
  warnings.insert(warnings.end(), data.warnings.begin(), data.warnings.end());
  std::vector<const Model*> models;
  std::vector<const Examples*> examples;
  for (Candidate& candidate : candidates) {
    candidate.examples = encode_examples(data, candidate.directory.tokenizer, &labels,
                                         candidate.directory.max_length(0),
                                         candidate.directory.facts.pair_style,
                                         &candidate == &candidates[0] ? &warnings : nullptr);
    candidate.logits = predict_logits(*candidate.model, candidate.examples);
    models.push_back(candidate.model.get());
    examples.push_back(&candidate.examples);
  }
  const std::vector<double> times = time_batches(models, examples, options.batch_size);

  Report report;
  report.data = options.data;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    report.models.push_back(summarise(candidates[i], kNames[i], times[i]));
  const Table samples = options.samples ? *options.samples : pick_samples(data, candidates);
  for (const Row& row : samples.rows) report.samples.push_back(predict_sample(row, candidates, labels));
  const std::int64_t classes = labels.size();
  for (std::size_t row = 0; row < data.rows.size() && row < kTeacherLogits; ++row) {
    const float* values = candidates[0].logits.data() + static_cast<std::int64_t>(row) * classes;
    report.teacher_logits.emplace_back(values, values + classes);
  }
  const fs::path recipe = candidates[1].directory.path / "recipe.json";
  if (fs::exists(recipe)) {
    const Json json = Json::parse_file(recipe);
    report.recipe_json = json.dump(2);
    if (const Json* terms = json.find("objective"))
      for (const Json& term : terms->as_array("objective"))
        if (term.get("match", "") == "logits") report.temperature = term.get("temperature", kAbsent);
  }
  char batch[80];
  std::snprintf(batch, sizeof batch, "Speed: median of batches of %lld examples, the models taking turns.",
                static_cast<long long>(options.batch_size));
  report.notes.push_back(batch);
  return report;
}

}  // namespace retort
