// Sequence classifiers of Retort's own: any hidden layers, any pooling; their files, hand-made
// checkpoints, training.
#include <cmath>

#include "nn/own_head.h"
#include "nn/weights/load.h"
#include "tests/app/command_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

namespace fs = std::filesystem;
using Numbers = std::vector<double>;

ModelConfig config_with(const std::string& type, const HeadOptions& head) {
  ModelConfig config = tiny_config(type, 2, {"a", "b", "c"});
  set_head(config, head);
  return config;
}

HeadOptions options_of(std::vector<std::int64_t> layers, const std::string& pooling = "",
                       const std::string& activation = "") {
  HeadOptions options;
  options.layers = std::move(layers);
  options.pooling = pooling;
  options.activation = activation;
  return options;
}

Numbers values_of(const Model& model, const std::string& name) {
  const Parameter* parameter = model.parameters().find(name);
  REQUIRE(parameter != nullptr);
  return numbers(parameter->variable);
}

// x·weightᵀ + bias.
Numbers applied(const Model& model, const std::string& name, const Numbers& x) {
  const Numbers weight = values_of(model, name + ".weight"),
                bias = values_of(model, name + ".bias");
  Numbers result = bias;
  for (std::size_t row = 0; row < bias.size(); ++row)
    for (std::size_t i = 0; i < x.size(); ++i) result[row] += weight[row * x.size() + i] * x[i];
  return result;
}

// The pooled row of one sequence of hidden states.
Numbers pooled(const Numbers& hidden, std::size_t columns, const std::string& pooling) {
  const std::size_t rows = hidden.size() / columns;
  Numbers result(columns, pooling == "max" ? -HUGE_VAL : 0.0);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t c = 0; c < columns; ++c) {
      const double value = hidden[row * columns + c];
      if (pooling == "mean") result[c] += value / static_cast<double>(rows);
      if (pooling == "max") result[c] = std::max(result[c], value);
      if ((pooling == "cls" && row == 0) || (pooling == "last" && row + 1 == rows))
        result[c] = value;
    }
  return result;
}

}  // namespace

TEST_CASE("A head of our own is what its layers and its pooling say", "[model][head]") {
  for (const std::string pooling : {"cls", "last", "mean", "max"}) {
    INFO(pooling);
    const auto model = make_model(config_with("bert", options_of({7, 5}, pooling, "tanh")));
    randomise(*model, 4);
    CHECK(model->parameters().find("bert.pooler.dense.weight") == nullptr);
    for (const TokenSequence& sequence : random_sequences({6, 1, 9}, model->config(), 2)) {
      Want want;
      want.hidden = {2};
      const Output output = model->forward(batch_of({sequence}, *model), want, {});
      Numbers x = pooled(numbers(output.hidden.at(2)), 12, pooling);
      for (const char* layer : {"classifier.0", "classifier.3"}) {
        x = applied(*model, layer, x);
        for (double& value : x) value = std::tanh(value);
      }
      const Numbers expected = applied(*model, "classifier.6", x);
      CHECK(largest(differences(numbers(output.logits), expected)) <= 1e-4 * largest(expected));
    }
  }
}

TEST_CASE("A head of our own is written and read back", "[model][head]") {
  const Folder folder("own-head");
  HeadOptions options = options_of({7, 5}, "max", "relu");
  options.dropout = 0.25;
  const auto model = make_model(config_with("distilbert", options));
  randomise(*model, 4);
  save_model(*model, folder.path());
  const Json written = Json::parse_file(folder.path() / "config.json");
  CHECK(written.find("architectures")->dump() == "[\"RetortForSequenceClassification\"]");
  const LoadedModel again = load_model(folder.path());
  CHECK(again.report.fresh.empty());
  CHECK(again.report.unused.empty());
  const OwnHead& head = *again.model->config().own_head;
  CHECK(head.layers == std::vector<std::int64_t>{7, 5});
  CHECK(head.activation == "relu");
  CHECK(head.dropout == 0.25);
  CHECK(head.pooling == Pooling::max);
  const auto sequences = random_sequences({6, 3}, model->config(), 2);
  CHECK(numbers(again.model->forward(batch_of(sequences, *again.model), {}, {}).logits) ==
        numbers(model->forward(batch_of(sequences, *model), {}, {}).logits));
  // For another task the head says nothing.
  ModelConfig other = again.model->config();
  other.task = Task::masked_lm;
  CHECK(other.to_json().find("retort_head") == nullptr);
  CHECK(contains(own_head_note(again.model->config()), "AutoModel"));
  CHECK(own_head_note(other).empty());
}

TEST_CASE("A head that the architecture has is no head of ours", "[model][head]") {
  CHECK_FALSE(config_with("bert", {}).own_head);
  CHECK_FALSE(config_with("bert", options_of({}, "cls")).own_head);
  const ModelConfig plain = config_with("bert", options_of({}, "mean"));
  REQUIRE(plain.own_head);
  const auto model = make_model(plain);
  CHECK(model->parameters().find("classifier.weight")->shape == Shape{3, 12});
  // ModernBERT's config.json can say mean, but not max.
  const Golden golden("architectures/modernbert");
  ModelConfig modern = ModelConfig::read(golden.path());
  set_head(modern, options_of({}, "mean"));
  CHECK_FALSE(modern.own_head);
  CHECK(modern.to_json().get("classifier_pooling", "") == "mean");
  set_head(modern, options_of({}, "max"));
  CHECK(modern.own_head);
  // A decoder's own works on the last token.
  ModelConfig decoder = ModelConfig::read(Golden("architectures/llama").path());
  set_head(decoder, options_of({}, "last"));
  CHECK_FALSE(decoder.own_head);
  set_head(decoder, options_of({4}));
  CHECK(decoder.own_head->pooling == Pooling::last);
}

TEST_CASE("Heads that can't be are errors", "[model][head]") {
  const auto message = [](const HeadOptions& options) {
    return error_of([&] { config_with("bert", options); });
  };
  CHECK(contains(message(options_of({0})), "--head-layers"));
  CHECK(contains(message(options_of({1 << 20})), "--head-layers"));
  CHECK(contains(message(options_of({8}, "median")), "median"));
  CHECK(contains(message(options_of({8}, "", "gelo")), "gelo"));
  CHECK(contains(message(options_of({}, "mean", "relu")), "--head-layers"));
  HeadOptions options;
  options.dropout = 0.1;
  CHECK(contains(message(options), "--dropout"));
  options.layers = {4};
  options.dropout = 1.5;
  CHECK(contains(message(options), "--head-dropout"));
  const auto of_file = [](const std::string& head) {
    return error_of([&] {
      ModelConfig::parse(
          Json::parse(R"({"model_type": "bert", "retort_head": )" + head + "}", "config.json"),
          "config.json");
    });
  };
  CHECK(contains(of_file("[]"), "retort_head"));
  CHECK(contains(of_file(R"({"layer": [3]})"), "'layer'"));
  CHECK(contains(of_file(R"({"layers": [-3]})"), "-3"));
  CHECK(contains(of_file(R"({"layers": 3})"), "layers"));
  CHECK(contains(of_file(R"({"pooling": "tokens"})"), "tokens"));
  CHECK(contains(of_file(R"({"activation": "softmax"})"), "softmax"));
}

TEST_CASE("A head of another size is an error, or made anew and said so", "[model][head]") {
  const Folder folder("resized-head");
  const auto model = make_model(tiny_config("bert", 1, {"a", "b"}));
  randomise(*model, 4);
  save_model(*model, folder.path());
  ModelConfig config = ModelConfig::read(folder.path());
  config.labels = {"a", "b", "c"};
  CHECK(contains(error_of([&] { load_model(folder.path(), config); }), "classifier.weight"));
  const LoadedModel loaded = load_model(folder.path(), config, {.resize_head = true});
  CHECK(loaded.report.fresh == std::vector<std::string>{"classifier.weight", "classifier.bias"});
  const auto lines = report_lines(loaded.report, "DIR");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "DIR: made anew: classifier.weight, classifier.bias");
  CHECK(contains(lines[1], "classifier.weight: [2, 12] in the file, [3, 12] here"));
  CHECK(contains(error_of([&] { check_trained_head(loaded.report, "DIR"); }), "no trained head"));
  // Nothing but a head may differ.
  config.intermediate_size = 24;
  CHECK(contains(error_of([&] { load_model(folder.path(), config, {.resize_head = true}); }),
                 "intermediate.dense"));
}

TEST_CASE("A model with a head of our own is trained, predicts, and reads hand-made files",
          "[command][head]") {
  const World world("own-head-runs");
  const Ran ran =
      retort_command({"train", "--model", world.at("start"), "--data", world.at("train.tsv"),
                      "--dev", world.at("dev.tsv"), "--out", world.at("out"), "--epochs", "1",
                      "--head-layers", "8,4", "--head-activation", "relu", "--pooling", "mean"});
  INFO(ran.err);
  CHECK(ran.status == 0);
  CHECK(contains(ran.err, "AutoModel"));
  const std::string evaluated =
      output_of({"eval", "--model", world.at("out"), "--data", world.at("dev.tsv")});
  CHECK(contains(evaluated, "accuracy"));
  // Weights that somebody's own PyTorch class saved: "encoder.*" and "classifier.0/3/6".
  const LoadedModel trained = load_model(world.at("out"));
  std::vector<TensorToWrite> tensors;
  for (const Parameter& parameter : trained.model->parameters()) {
    const Tensor& value = parameter.variable.value();
    std::string name = parameter.name;
    if (name.starts_with("bert.")) name = "encoder." + name.substr(5);
    tensors.push_back(
        {name, value.dtype(), {value.shape().begin(), value.shape().end()}, value.raw()});
  }
  fs::copy(world.at("start"), world.at("hand-made"));
  write_safetensors(fs::path(world.at("hand-made")) / "model.safetensors", tensors);
  // Its config.json knows nothing of the head.
  Json facts = Json::parse_file(fs::path(world.at("hand-made")) / "retort.json");
  facts["initialised"] = "trained";
  world.write("hand-made/retort.json", facts.dump());
  const Ran again = retort_command(
      {"train", "--model", world.at("hand-made"), "--rename", "encoder=bert", "--data",
       world.at("train.tsv"), "--out", world.at("again"), "--epochs", "1", "--head-layers", "8,4",
       "--head-activation", "relu", "--pooling", "mean", "--lr", "1e-12"});
  INFO(again.err);
  CHECK(again.status == 0);
  CHECK(again.err.find("made anew") == again.err.npos);
  CHECK(output_of({"eval", "--model", world.at("again"), "--data", world.at("dev.tsv")}) ==
        evaluated);
}
