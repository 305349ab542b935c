#include "distill/compare.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>

#include "distill/checkpoint.h"
#include "distill/data/targets.h"
#include "distill/evaluate.h"
#include "distill/report/text.h"
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

Candidate open_candidate(const std::string& path, std::vector<std::string>& warnings) {
  ModelDirectory directory = ModelDirectory::open_classifier(path);
  LoadedModel loaded = load_model(directory.path, directory.config, {.frozen = true});
  check_trained_head(loaded.report, path);
  for (const std::string& warning : directory.facts.warnings(path)) warnings.push_back(warning);
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
  const Evaluation evaluation =
      evaluate(config.problem, candidate.logits, candidate.examples, config.num_labels());
  ModelSummary summary;
  summary.name = name;
  summary.directory = candidate.directory.path.string();
  summary.description = config.model_type + " " + std::to_string(config.layers) + " x " +
                        std::to_string(config.hidden_size);
  summary.parameters = candidate.model->parameters().count();
  summary.megabytes = static_cast<double>(summary.parameters) * sizeof(float) / 1e6;
  summary.accuracy = evaluation.metrics[0].value;
  summary.f1 = evaluation.metrics[1].value;
  summary.loss = evaluation.loss;
  summary.ms_per_batch = ms_per_batch;
  summary.examples = evaluation.examples;
  read_history(candidate.directory.path, summary);
  return summary;
}

ScoreNames score_names(Problem problem) {
  switch (problem) {
    case Problem::multi_label:
      return {"Exact match", "Micro F1", true};
    case Problem::regression:
      return {"Pearson", "Spearman", false};
    default:
      return {};
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

// What a row of logits says, as people read it; a probability only of a single label.
SamplePrediction::By verdict(const ModelConfig& config, const float* logits) {
  const std::int64_t count = config.num_labels();
  SamplePrediction::By by;
  std::vector<std::string> parts;
  switch (config.problem) {
    case Problem::single_label: {
      const auto label = static_cast<std::size_t>(predicted_label(logits, count));
      return {config.labels[label], softmax_row(logits, count)[label]};
    }
    case Problem::multi_label: {
      const std::vector<bool> set = predicted_set(logits, count);
      for (std::size_t i = 0; i < set.size(); ++i)
        if (set[i]) parts.push_back(config.labels[i]);
      break;
    }
    case Problem::regression:
      for (std::int64_t i = 0; i < count; ++i)
        parts.push_back(format_fixed(static_cast<double>(logits[i]), 3));
  }
  by.label = joined(parts);
  return by;
}

// Rows spread over the data, those on which the models disagree first.
Table pick_samples(const Table& data, const std::vector<Candidate>& candidates) {
  Table samples = data;
  samples.rows.clear();
  const ModelConfig& config = candidates[0].directory.config;
  for (const bool wanted : {false, true}) {
    std::size_t taken = 0;
    for (std::size_t row = 0; row < data.rows.size() && taken < kSamplesFromData / 2; ++row) {
      bool agree = true;
      const auto at = static_cast<std::int64_t>(row) * config.num_labels();
      const std::string first = verdict(config, candidates[0].logits.data() + at).label;
      for (const Candidate& candidate : candidates)
        agree = agree && verdict(config, candidate.logits.data() + at).label == first;
      if (agree != wanted) continue;
      samples.rows.push_back(data.rows[row]);
      ++taken;
    }
  }
  return samples;
}

// As verdict() writes it; empty where the row has none that can be right or wrong.
std::string gold_label(const Table& table, const Row& row, const LabelMap& labels,
                       Problem problem) {
  if (!row.label || problem == Problem::regression) return {};
  if (problem == Problem::single_label) {
    const auto id = labels.find(*row.label);
    return id ? labels.name(*id) : std::string();
  }
  Table one;
  one.path = table.path;
  one.label_columns = table.label_columns;
  one.rows.push_back(row);
  const std::vector<float> targets = set_targets(one, labels);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (targets[i] > 0) names.push_back(labels.names()[i]);
  return joined(names);
}

SamplePrediction predict_sample(const Table& table, const Row& row,
                                const std::vector<Candidate>& candidates, const LabelMap& labels) {
  SamplePrediction sample;
  sample.text = row.text;
  sample.pair = row.pair.value_or("");
  sample.gold = gold_label(table, row, labels, candidates[0].directory.config.problem);
  for (const Candidate& candidate : candidates) {
    Examples one;
    one.sequences.push_back(encode_text(
        candidate.directory.tokenizer, row.text,
        row.pair ? std::optional<std::string_view>(*row.pair) : std::nullopt,
        candidate.directory.max_length(0), candidate.directory.facts.pair_style));
    sample.by.push_back(
        verdict(candidate.directory.config, predict_logits(*candidate.model, one).data()));
  }
  return sample;
}

}  // namespace

Report compare_models(const CompareOptions& options, std::vector<std::string>& warnings) {
  std::vector<Candidate> candidates;
  for (const std::string& directory : options.directories) candidates.push_back(open_candidate(directory, warnings));
  const LabelMap labels(candidates[0].directory.config.labels);
  const Problem problem = candidates[0].directory.config.problem;
  for (const Candidate& other : candidates) {
    const auto difference = labels.first_difference(LabelMap(other.directory.config.labels), "the teacher",
                                                    other.directory.path.string());
    check(!difference, "compare: the models have different labels: ", difference.value_or(""));
    check(other.directory.config.problem == problem, "compare: ", other.directory.path.string(),
          " is for ", name(other.directory.config.problem), ", the teacher for ", name(problem));
  }
  TableOptions table = options.table;
  table.several_labels = problem != Problem::single_label;
  const Table data = read_table(options.data, table);
  warnings.insert(warnings.end(), data.warnings.begin(), data.warnings.end());
  std::vector<const Model*> models;
  std::vector<const Examples*> examples;
  for (Candidate& candidate : candidates) {
    candidate.examples =
        encode_examples(data, candidate.directory.tokenizer, &labels,
                        candidate.directory.max_length(0), candidate.directory.facts.pair_style,
                        &candidate == &candidates[0] ? &warnings : nullptr, problem);
    candidate.logits = predict_logits(*candidate.model, candidate.examples);
    models.push_back(candidate.model.get());
    examples.push_back(&candidate.examples);
  }
  const std::vector<double> times = time_batches(models, examples, options.batch_size);

  Report report;
  report.data = options.data;
  report.scores = score_names(problem);
  for (std::size_t i = 0; i < candidates.size(); ++i)
    report.models.push_back(summarise(candidates[i], kNames[i], times[i]));
  const Table samples = options.samples ? *options.samples : pick_samples(data, candidates);
  for (const Row& row : samples.rows)
    report.samples.push_back(predict_sample(samples, row, candidates, labels));
  const std::int64_t classes = labels.size();
  // Softening by a temperature is drawn for choices among labels.
  const std::size_t drawn = problem == Problem::single_label ? kTeacherLogits : 0;
  for (std::size_t row = 0; row < data.rows.size() && row < drawn; ++row) {
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
