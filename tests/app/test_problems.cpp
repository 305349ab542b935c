// Sequence classifiers of label sets and numbers: data, losses and metrics against transformers and
// scikit-learn (tests/golden/problems.py).
#include <cmath>

#include "distill/data/label_set_metrics.h"
#include "distill/data/regression_metrics.h"
#include "distill/data/targets.h"
#include "distill/evaluate.h"
#include "distill/objective/objective.h"
#include "nn/weights/load.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

namespace fs = std::filesystem;

Json golden_problems() {
  return Json::parse_file(fs::path(RETORT_SOURCE_DIR) / "tests/golden/problems.json");
}

std::vector<double> numbers_of(const Json& json, const char* key) {
  std::vector<double> values;
  for (const Json& value : json.find(key)->as_array(key)) values.push_back(value.as_number(key));
  return values;
}

Problem problem_named(const std::string& text) {
  for (const Problem problem : {Problem::single_label, Problem::multi_label, Problem::regression})
    if (text == name(problem)) return problem;
  FAIL("no problem " << text);
  return {};
}

Table table_of(const Folder& folder, const std::string& file, std::string_view content,
               std::vector<std::string> label_columns = {}) {
  TableOptions options;
  options.several_labels = true;
  options.label_columns = std::move(label_columns);
  return read_table(folder.write(file, content), options);
}

LabelMap labels_in(const Table& table) {
  const Table* one = &table;
  return labels_of_sets({&one, 1});
}

using Floats = std::vector<float>;
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("Losses of every problem are transformers'", "[problems][golden]") {
  const Json golden = golden_problems();
  const fs::path tiny = fs::path(RETORT_SOURCE_DIR) / "tests/golden/bert_tiny";
  std::vector<TokenSequence> sequences;
  for (const Json& ids : golden.find("sequences")->as_array("sequences")) {
    TokenSequence& sequence = sequences.emplace_back();
    for (const Json& id : ids.as_array("ids"))
      sequence.ids.push_back(static_cast<std::int32_t>(id.as_integer("id")));
  }
  const auto count = static_cast<std::int64_t>(sequences.size());
  for (const Json& item : golden.find("cases")->as_array("cases")) {
    const std::int64_t labels = item.get("labels", 0);
    const Problem problem = problem_named(item.get("problem", ""));
    INFO(labels << " labels, " << name(problem));
    // The configuration says the same where transformers was left to its rule.
    if (item.find("given")->is_null() && problem != Problem::multi_label) {
      Json config = Json::parse_file(tiny / "config.json");
      Json map = Json::Object{};
      for (std::int64_t id = 0; id < labels; ++id) map[std::to_string(id)] = std::to_string(id);
      config["id2label"] = map;
      config["label2id"] = nullptr;
      config["problem_type"] = nullptr;
      CHECK(ModelConfig::parse(config, "config.json").problem == problem);
    }
    ModelConfig config = ModelConfig::read(tiny);
    config.labels.resize(static_cast<std::size_t>(labels));
    config.problem = problem;
    const LoadedModel whole = load_model(tiny);
    const auto model = make_model(config);
    for (Parameter& parameter : model->parameters()) {
      const Tensor value = whole.model->parameters().find(parameter.name)->variable.value();
      const bool head = parameter.name.starts_with("classifier.");
      parameter.variable = Variable::parameter((head ? value.slice(0, 0, labels) : value).clone());
    }
    const Output output = model->forward(batch_of(sequences, *model), {}, {});
    const auto logits = numbers_of(item, "logits");
    CHECK(largest(differences(numbers(output.logits), logits)) <= 1e-4 * largest(logits));
    const auto targets = numbers_of(item, "targets");
    TermInputs inputs{.student = output, .factor = 1.0 / static_cast<double>(count)};
    if (problem == Problem::single_label) {
      inputs.labels = Tensor::from(std::vector<std::int32_t>(targets.begin(), targets.end()));
    } else {
      inputs.targets = Tensor::from(Floats(targets.begin(), targets.end()), {count, labels});
    }
    Objective objective = Objective::labels_only();
    objective.fit(problem);
    std::vector<double> values;
    const Variable loss = objective.evaluate(inputs, values);
    CHECK(std::abs(loss.item() - item.get("loss", 0.0)) <= 1e-4 * item.get("loss", 0.0));
    backward(loss);
    const auto gradient = numbers_of(item, "gradient");
    const auto ours = numbers(model->parameters().find("classifier.weight")->variable.gradient());
    CHECK(norm(differences(ours, gradient)) <= 1e-4 * norm(gradient));
    // Evaluation says the same loss.
    Examples examples;
    examples.sequences = sequences;
    examples.columns = labels;
    if (problem == Problem::single_label) examples.labels.assign(targets.begin(), targets.end());
    else examples.targets.assign(targets.begin(), targets.end());
    const Evaluation evaluation =
        evaluate(problem, output.logits.value().to_vector<float>(), examples, labels);
    CHECK(std::abs(evaluation.loss - item.get("loss", 0.0)) <= 1e-4 * item.get("loss", 0.0));
  }
}

TEST_CASE("Metrics of sets and numbers are scikit-learn's and scipy's", "[problems][golden]") {
  const Json golden = *golden_problems().find("metrics");
  const Json& sets = *golden.find("sets");
  const auto expected = numbers_of(sets, "expected"), logits = numbers_of(sets, "logits");
  Examples examples;
  examples.columns = 4;
  examples.targets.assign(expected.begin(), expected.end());
  examples.sequences.resize(expected.size() / 4);
  const Evaluation of_sets =
      evaluate(Problem::multi_label, Floats(logits.begin(), logits.end()), examples, 4);
  REQUIRE(of_sets.metrics.size() == 3);
  for (const Evaluation::Metric& metric : of_sets.metrics) {
    INFO(metric.name);
    CHECK(std::abs(metric.value - sets.get(metric.name, -1.0)) <= 1e-12);
  }
  const Json& both = *golden.find("numbers");
  const auto a = numbers_of(both, "expected"), b = numbers_of(both, "predicted");
  examples.columns = 1;
  examples.targets.assign(a.begin(), a.end());
  examples.sequences.resize(a.size());
  const Evaluation of_numbers =
      evaluate(Problem::regression, Floats(b.begin(), b.end()), examples, 1);
  REQUIRE(of_numbers.metrics.size() == 3);
  for (const Evaluation::Metric& metric : of_numbers.metrics) {
    INFO(metric.name);
    CHECK(std::abs(metric.value - both.get(metric.name, -1.0)) <= 1e-12);
  }
  CHECK(std::isnan(pearson_correlation(std::vector<double>{1, 2}, std::vector<double>{3, 3})));
  CHECK(contains(error_of([] { mean_squared_error({}, {}); }), "at least one"));
  CHECK(contains(error_of([] { LabelSetMetrics(2).micro_f1(); }), "without examples"));
  LabelSetMetrics metrics(2);
  CHECK(contains(error_of([&] { metrics.add({true}, {true, false}); }), "sets of 2"));
}

TEST_CASE("Sets of labels come as columns, parts of a field or lists", "[problems][data]") {
  const Folder folder("label-sets");
  const Floats targets = {1, 0, 1, 0, 0, 0, 0, 1, 0};
  const Names names = {"hate", "insult", "threat"};
  const Table columns = table_of(folder, "columns.csv",
                                 "text,hate,insult,threat\na,1,0,1\nb,0,0,0\nc,0,1,0\n", names);
  CHECK(labels_in(columns).names() == names);
  CHECK(set_targets(columns, labels_in(columns)) == targets);
  // The model's order counts, not the file's.
  CHECK(set_targets(columns, LabelMap({"threat", "hate", "insult"})) ==
        Floats{1, 1, 0, 0, 0, 0, 0, 0, 1});
  const Table parts =
      table_of(folder, "parts.tsv", "text\tlabel\na\thate|threat\nb\t\nc\tinsult\n");
  CHECK(labels_in(parts).names() == names);
  CHECK(set_targets(parts, labels_in(parts)) == targets);
  const Table lists = table_of(folder, "lists.jsonl",
                               "{\"text\": \"a\", \"label\": [\"hate\", \"threat\"]}\n"
                               "{\"text\": \"b\", \"label\": []}\n"
                               "{\"text\": \"c\", \"label\": [\"insult\"]}\n");
  CHECK(set_targets(lists, labels_in(lists)) == targets);
  CHECK(set_targets(table_of(folder, "ids.tsv", "text\tlabel\na\t0|2\n"), labels_in(lists)) ==
        Floats{1, 0, 1});

  const auto message = [&](const Table& table, const LabelMap& labels) {
    return error_of([&] { set_targets(table, labels); });
  };
  CHECK(contains(message(parts, LabelMap({"hate", "threat"})), "parts.tsv:4"));
  CHECK(contains(message(parts, LabelMap({"hate", "threat"})), "insult"));
  CHECK(contains(
      message(table_of(folder, "two.csv", "text,x,y\na,1,2\n", {"x", "y"}), LabelMap({"x", "y"})),
      "0 or 1"));
  CHECK(contains(message(columns, LabelMap({"hate", "x"})), "3 label columns"));
  CHECK(contains(error_of([&] {
                   table_of(folder, "gap.csv", "text,x,y\na,,1\n", {"x", "y"});
                 }),
                 "gap.csv:2"));
  CHECK(contains(error_of([&] {
                   table_of(folder, "no.csv", "text,x\na,1\n", {"x", "z"});
                 }),
                 "\"z\""));
  CHECK(contains(error_of([&] { labels_in(table_of(folder, "none.tsv", "text\tlabel\na\t\n")); }),
                 "no row has a label"));
  // A list is no single label, and a list of texts no text.
  TableOptions single;
  CHECK(contains(error_of([&] { read_table(folder.path() / "lists.jsonl", single); }),
                 "has no label"));
  const auto listed = folder.write("texts.jsonl", "{\"text\": [\"a\"], \"label\": \"x\"}\n");
  CHECK(contains(error_of([&] { read_table(listed, single); }), "expected a string"));
}

TEST_CASE("Numbers come as one column, several, or lists", "[problems][data]") {
  const Folder folder("number-labels");
  CHECK(number_targets(table_of(folder, "one.tsv", "text\tlabel\na\t0.5\nb\t-3\n"), 1) ==
        Floats{0.5, -3});
  CHECK(number_targets(table_of(folder, "two.csv", "text,x,y\na,0.5,2\n", {"x", "y"}), 2) ==
        Floats{0.5, 2});
  CHECK(number_targets(table_of(folder, "lists.jsonl", "{\"text\": \"a\", \"label\": [0.5, 2]}\n"),
                       2) == Floats{0.5, 2});
  const auto message = [&](const char* label, std::int64_t columns) {
    return error_of([&] {
      number_targets(table_of(folder, "bad.tsv", "text\tlabel\na\t" + std::string(label) + "\n"),
                     columns);
    });
  };
  CHECK(contains(message("much", 1), "bad.tsv:2"));
  CHECK(contains(message("much", 1), "much"));
  CHECK(contains(message("nan", 1), "nan"));
  CHECK(contains(message("1|2", 1), "2 numbers"));
  CHECK(contains(message("", 1), "0 numbers"));
}

TEST_CASE("A student's soft losses fit the problem", "[problems]") {
  const Tensor student = Tensor::from(Floats{0.5f, -1, 2, 0.25f}, {2, 2}),
               teacher = Tensor::from(Floats{1, 0.5f, -2, 3}, {2, 2});
  Output output;
  output.logits = Variable::parameter(student);
  TermInputs inputs{.student = output, .teacher_logits = teacher, .factor = 0.5};
  const auto value = [&](Problem problem, double temperature) {
    Objective objective = Objective::distillation(1, temperature);
    objective.fit(problem);
    std::vector<double> values;
    return static_cast<double>(objective.evaluate(inputs, values).item());
  };
  const auto x = numbers(student), y = numbers(teacher);
  double binary = 0, squared = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const double p = 1 / (1 + std::exp(-y[i] / 2)), q = 1 / (1 + std::exp(-x[i] / 2));
    binary -= 4 * (p * std::log(q) + (1 - p) * std::log(1 - q)) / 4;
    squared += (x[i] - y[i]) * (x[i] - y[i]) / 4;
  }
  CHECK(std::abs(value(Problem::multi_label, 2) - binary) <= 1e-5);
  CHECK(std::abs(value(Problem::regression, 2) - squared) <= 1e-5);
  CHECK(std::abs(value(Problem::regression, 5) - squared) <= 1e-5);
}

TEST_CASE("The Bengali toxic comments are read as six labels", "[problems][data]") {
  const fs::path file =
      shared_data("bengali-toxic-multilabel") / "Multi_labeled_toxic_comments.csv";
  if (!fs::exists(file)) RETORT_SKIP("the Bengali toxic comments aren't there");
  TableOptions options;
  options.several_labels = true;
  options.label_columns = {"vulgar", "hate", "religious", "threat", "troll", "Insult"};
  const Table table = read_table(file, options);
  CHECK(table.rows.size() == 16073);
  const Floats targets = set_targets(table, labels_in(table));
  REQUIRE(targets.size() == 16073 * 6);
  CHECK(targets[3] == 1);  // the first comment is a threat
  CHECK(std::count(targets.begin(), targets.begin() + 6, 1.0f) == 1);
}
