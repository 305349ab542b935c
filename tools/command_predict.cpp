// retort predict and retort eval: a classifier over texts.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numeric>

#include "distill/evaluate.h"
#include "nn/weights/load.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tools/arguments.h"
#include "tools/commands.h"
#include "tools/signals.h"

namespace retort::tools {
namespace {

constexpr int kLogitDigits = 9;  // reads back as the same f32

// A model ready to run, with what it was loaded from.
struct Loaded {
  ModelDirectory directory;
  std::unique_ptr<Model> model;
  int max_length;

  static Loaded open(const std::string& path, const std::vector<std::string>& rename,
                     int wanted_length) {
    ModelDirectory directory = ModelDirectory::open_classifier(path);
    LoadedModel loaded = load_model(directory.path, directory.config, {.frozen = true, .rename = rename});
    check_trained_head(loaded.report, path);
    warn(directory.facts.warnings(path));
    const int length = directory.max_length(wanted_length);
    return {std::move(directory), std::move(loaded.model), length};
  }
};

// What is said of one row: the label, all that have a probability of a half, or the numbers.
Json prediction(const ModelConfig& config, const std::vector<float>& logits, std::int64_t row) {
  const std::int64_t count = config.num_labels();
  const float* values = logits.data() + row * count;
  Json json, probabilities = Json::Array{}, raw = Json::Array{};
  for (std::int64_t i = 0; i < count; ++i) raw.push_back(static_cast<double>(values[i]));
  switch (config.problem) {
    case Problem::single_label:
      json["label"] = config.labels[static_cast<std::size_t>(predicted_label(values, count))];
      for (const double probability : softmax_row(values, count))
        probabilities.push_back(probability);
      json["probabilities"] = probabilities;
      break;
    case Problem::multi_label: {
      Json labels = Json::Array{};
      const std::vector<bool> set = predicted_set(values, count);
      for (std::size_t i = 0; i < set.size(); ++i) {
        if (set[i]) labels.push_back(config.labels[i]);
        probabilities.push_back(sigmoid_of(values[i]));
      }
      json["labels"] = labels;
      json["probabilities"] = probabilities;
      break;
    }
    case Problem::regression:
      json[count == 1 ? "value" : "values"] = count == 1 ? Json(static_cast<double>(*values)) : raw;
      break;
  }
  json["logits"] = raw;
  return json;
}

struct Predict {
  std::string model, text, pair, input, output;
  std::vector<std::string> rename;
  bool has_text = false, has_pair = false;
  int max_length = 0, threads = 0;
  std::int64_t batch_size = 32;
  TableFlags table;

  int run() const {
    apply_threads(threads);
    check(has_text != !input.empty(), "predict: expected either --text or --input, found ",
          has_text ? "both" : "neither");
    const Loaded loaded = Loaded::open(model, rename, max_length);
    Table rows;
    if (has_text) {
      Row row;
      row.text = text;
      if (has_pair) row.pair = pair;
      rows.rows.push_back(row);
    } else {
      TableOptions options = table.options();
      options.label_required = false;
      options.strict_rows = true;  // or the output would not line up with the input
      rows = read_table(input, options);
      warn(rows.warnings);
    }
    const Examples examples = encode_examples(rows, loaded.directory.tokenizer, nullptr,
                                              loaded.max_length, loaded.directory.facts.pair_style);
    if (examples.truncated > 0)
      std::fprintf(stderr, "%lld of %lld texts were truncated to %d tokens\n",
                   static_cast<long long>(examples.truncated), static_cast<long long>(examples.count()),
                   loaded.max_length);
    const std::vector<float> logits =
        predict_logits(*loaded.model, examples, batch_size, [](std::int64_t done) {
          check(!interrupted(), "predict: interrupted after ", done, " rows; nothing was written");
        });
    std::string lines;
    for (std::int64_t row = 0; row < examples.count(); ++row)
      lines += prediction(loaded.directory.config, logits, row).dump(0, kLogitDigits) + "\n";
    if (output.empty()) print(lines);
    else write_output(output, lines);
    return 0;
  }
};

struct Eval {
  std::string model, data;
  std::vector<std::string> rename;
  bool json = false;
  int max_length = 0, threads = 0;
  std::int64_t batch_size = 32;
  TableFlags table;

  int run() const {
    apply_threads(threads);
    const Loaded loaded = Loaded::open(model, rename, max_length);
    const Problem problem = loaded.directory.config.problem;
    TableOptions options = table.options();
    options.several_labels = problem != Problem::single_label;
    const Table rows = read_table(data, options);
    warn(rows.warnings);
    const LabelMap labels(loaded.directory.config.labels);
    std::vector<std::string> warnings;
    const Examples examples =
        encode_examples(rows, loaded.directory.tokenizer, &labels, loaded.max_length,
                        loaded.directory.facts.pair_style, &warnings, problem);
    warn(warnings);
    if (examples.truncated > 0)
      std::fprintf(stderr, "%lld of %lld examples were truncated to %d tokens\n",
                   static_cast<long long>(examples.truncated), static_cast<long long>(examples.count()),
                   loaded.max_length);
    const auto logits = predict_logits(*loaded.model, examples, batch_size, [](std::int64_t done) {
      check(!interrupted(), "eval: interrupted after ", done, " examples");
    });
    const Evaluation evaluation = evaluate(problem, logits, examples, labels.size());
    if (json) {
      Json result;
      result["examples"] = evaluation.examples;
      for (const Evaluation::Metric& metric : evaluation.metrics)
        result[metric.name] = metric.value;
      result["loss"] = evaluation.loss;
      print(result.dump() + "\n");
    } else {
      std::vector<Evaluation::Metric> lines = evaluation.metrics;
      lines.push_back({"loss", evaluation.loss});
      std::size_t width = 0;
      for (const Evaluation::Metric& line : lines)
        width = std::max(width, std::string_view(line.name).size());
      std::string text = "examples " + std::to_string(evaluation.examples) + "\n";
      for (const Evaluation::Metric& line : lines) {
        char columns[80];
        std::snprintf(columns, sizeof columns, "%-*s %.4f\n", static_cast<int>(width), line.name,
                      line.value);
        text += columns;
      }
      print(text);
    }
    return 0;
  }
};

}  // namespace

void add_predict(CLI::App& app, Action& action) {
  static Predict predict;
  CLI::App* command = app.add_subcommand("predict", "Label texts: one JSON object per row");
  command->add_option("--model", predict.model, "Model directory")->required();
  add_rename(*command, predict.rename);
  CLI::Option* text = command->add_option("--text", predict.text, "One text");
  CLI::Option* pair = command->add_option("--pair", predict.pair, "Its second text")->needs(text);
  command->add_option("--input", predict.input, "A table; its label column is optional");
  command->add_option("--output", predict.output, "File for the JSON lines (default: stdout)");
  command->add_option("--max-length", predict.max_length, "Tokens per example (default: as it was trained)");
  command->add_option("--batch-size", predict.batch_size, "Examples at a time")->capture_default_str()->check(CLI::Range(1, 1 << 20));
  add_table_flags(*command, predict.table);
  add_threads(*command, predict.threads);
  command->callback([&action, text, pair] {
    predict.has_text = text->count() > 0;
    predict.has_pair = pair->count() > 0;
    action = [] { return predict.run(); };
  });
}

void add_eval(CLI::App& app, Action& action) {
  static Eval eval;
  CLI::App* command = app.add_subcommand("eval",
                                         "Accuracy, F1 and loss on a labelled table (of label sets "
                                         "exact match and F1, of numbers correlations and error)");
  command->add_option("--model", eval.model, "Model directory")->required();
  add_rename(*command, eval.rename);
  command->add_option("--data", eval.data, "Labelled table")->required();
  command->add_flag("--json", eval.json, "Print one JSON object");
  command->add_option("--max-length", eval.max_length, "Tokens per example (default: as it was trained)");
  command->add_option("--batch-size", eval.batch_size, "Examples at a time")->capture_default_str()->check(CLI::Range(1, 1 << 20));
  add_table_flags(*command, eval.table);
  add_threads(*command, eval.threads);
  command->callback([&action] { action = [] { return eval.run(); }; });
}

}  // namespace retort::tools
