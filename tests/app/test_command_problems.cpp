// Sequence classifiers of label sets and numbers on the command line: trained, distilled, compared,
// asked.
#include <cmath>

#include "tests/app/command_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;

std::vector<double> numbers_of(const Json& json, const char* key) {
  std::vector<double> values;
  for (const Json& value : json.find(key)->as_array(key)) values.push_back(value.as_number(key));
  return values;
}

// Texts whose words are their labels, with a number that one of them decides.
void write_tables(const World& world) {
  const Names words = {"printer", "password", "invoice"}, fillers = {"the", "my", "a", "your"};
  for (const std::string part : {"train", "dev"}) {
    std::string sets = "text,printer,password,invoice,score\n", lines;
    for (std::size_t i = 0; i < (part == "train" ? 64 : 32); ++i) {
      std::string text, cells;
      Json line, labels = Json::Array{};
      for (std::size_t word = 0; word < words.size(); ++word) {
        const bool has = (i >> word) % 2 == 1;
        text += fillers[(i / 8 + word) % fillers.size()] + (has ? " " + words[word] + " " : " ");
        cells += has ? ",1" : ",0";
        if (has) labels.push_back(words[word]);
      }
      sets += text + cells + (i % 2 == 1 ? ",1.5\n" : ",-0.5\n");
      line["text"] = text;
      line["label"] = labels;
      lines += line.dump() + "\n";
    }
    world.write(part + "-sets.csv", sets);
    world.write(part + "-sets.jsonl", lines);
  }
}

}  // namespace

TEST_CASE("A classifier of label sets is trained, distilled, compared and asked",
          "[problems][command]") {
  const World world("label-set-runs");
  write_tables(world);
  const std::string columns = "printer,password,invoice";
  const auto train = [&](const char* out, int epochs) {
    return Arguments{"train",
                     "--model",
                     world.at("start"),
                     "--data",
                     world.at("train-sets.csv"),
                     "--dev",
                     world.at("dev-sets.csv"),
                     "--label-columns",
                     columns,
                     "--out",
                     world.at(out),
                     "--epochs",
                     std::to_string(epochs),
                     "--batch-size",
                     "8",
                     "--lr",
                     "5e-3"};
  };
  const Ran ran = retort_command(train("sets", 12));
  INFO(ran.err);
  CHECK(ran.status == 0);
  CHECK(contains(ran.err, "micro_f1"));
  for (const std::string& line : lines_of(ran.err))
    if (contains(line, "tokens/s")) CHECK(contains(line, "exact_match 0."));
  CHECK(contains(ran.err, "tokens/s"));
  const Json config = Json::parse_file(fs::path(world.at("sets")) / "config.json");
  CHECK(config.get("problem_type", "") == "multi_label_classification");
  CHECK(config.find("id2label")->get("2", "") == "invoice");
  const auto evaluated = [&](const char* model) {
    return Json::parse(output_of({"eval", "--model", world.at(model), "--data",
                                  world.at("dev-sets.csv"), "--label-columns", columns, "--json"}),
                       "eval");
  };
  const Json learned = evaluated("sets");
  CHECK(learned.get("examples", 0) == 32);
  CHECK(learned.get("micro_f1", 0.0) > 0.8);
  CHECK(learned.get("macro_f1", -1.0) > 0);
  CHECK(learned.get("exact_match", -1.0) >= 0);
  const Json predicted = Json::parse(
      output_of({"predict", "--model", world.at("sets"), "--text", "the printer"}), "predict");
  CHECK(predicted.find("probabilities")->as_array("probabilities").size() == 3);
  std::size_t likely = 0;
  for (const double p : numbers_of(predicted, "probabilities")) likely += p >= 0.5;
  CHECK(predicted.find("labels")->as_array("labels").size() == likely);
  // The same labels by name, in another file.
  CHECK(contains(
      output_of({"eval", "--model", world.at("sets"), "--data", world.at("dev-sets.jsonl")}),
      "exact_match"));

  const Ran distilled =
      retort_command({"distill", "--teacher", world.at("sets"), "--student-layers", "1", "--data",
                      world.at("train-sets.csv"), "--label-columns", columns, "--out",
                      world.at("student"), "--epochs", "2", "--batch-size", "8", "--lr", "2e-3"});
  INFO(distilled.err);
  CHECK(distilled.status == 0);
  CHECK(
      contains(content_of(fs::path(world.at("student")) / "recipe.json"), "binary_cross_entropy"));
  CHECK(ModelConfig::read(world.at("student")).problem == Problem::multi_label);
  const Arguments compare = {"compare",
                             "--teacher",
                             world.at("sets"),
                             "--student",
                             world.at("student"),
                             "--data",
                             world.at("dev-sets.csv"),
                             "--label-columns",
                             columns};
  CHECK(
      contains(output_of(compare + Arguments{"--report", world.at("report.html")}), "exact match"));
  CHECK(contains(content_of(world.at("report.html")), "Micro F1"));
  const Json compared = Json::parse(output_of(compare + Arguments{"--json"}), "compare");
  CHECK(compared.find("models")->as_array("models")[0].get("micro_f1", -1.0) ==
        learned.get("micro_f1", 0.0));
  CHECK(contains(complaint_of({"compare", "--teacher", world.at("sets"), "--student",
                               world.at("teacher"), "--data", world.at("dev-sets.csv")}),
                 "labels"));
  CHECK(contains(complaint_of(train("sets", 12)), "--resume"));
}

TEST_CASE("A regression is trained and asked", "[problems][command]") {
  const World world("regression-runs");
  write_tables(world);
  const Ran ran = retort_command(
      {"train", "--model", world.at("start"), "--data", world.at("train-sets.csv"), "--dev",
       world.at("dev-sets.csv"), "--label-column", "score", "--problem", "regression", "--out",
       world.at("scores"), "--epochs", "12", "--batch-size", "8", "--lr", "5e-3"});
  INFO(ran.err);
  CHECK(ran.status == 0);
  CHECK(contains(ran.err, "pearson"));
  CHECK(contains(ran.err, "\"problem\": \"regression\""));
  const ModelConfig config = ModelConfig::read(world.at("scores"));
  CHECK(config.problem == Problem::regression);
  CHECK(config.num_labels() == 1);
  const std::string evaluated =
      output_of({"eval", "--model", world.at("scores"), "--data", world.at("dev-sets.csv"),
                 "--label-column", "score", "--json"});
  CHECK(Json::parse(evaluated, "eval").get("pearson", 0.0) > 0.8);
  const Json predicted = Json::parse(
      output_of({"predict", "--model", world.at("scores"), "--text", "the printer"}), "predict");
  CHECK(std::abs(predicted.get("value", -100.0) -
                 predicted.find("logits")->as_array("logits")[0].as_number("logit")) <= 1e-6);
  CHECK(contains(
      output_of({"compare", "--teacher", world.at("scores"), "--student", world.at("scores"),
                 "--data", world.at("dev-sets.csv"), "--label-column", "score"}),
      "pearson"));
  CHECK(
      contains(complaint_of({"train", "--model", world.at("start"), "--data", world.at("train.tsv"),
                             "--out", world.at("x"), "--problem", "ranking"}),
               "ranking"));
}

TEST_CASE("Labels that a user names make a new head, and it is said so", "[problems][command]") {
  const World world("named-labels");
  const Ran ran = retort_command({"train", "--model", world.at("teacher"), "--data",
                                  world.at("train.tsv"), "--labels", "0,1,2", "--out",
                                  world.at("three"), "--epochs", "1", "--limit", "8"});
  INFO(ran.err);
  CHECK(ran.status == 0);
  CHECK(contains(ran.err, "made anew: classifier.weight, classifier.bias"));
  CHECK(ModelConfig::read(world.at("three")).num_labels() == 3);
}
