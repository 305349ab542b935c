// Runs from recipes: the same bits on any number of threads, micro-batches, what the teacher does
// and doesn't do, which epoch is kept, and how a run that goes wrong ends.
#include "distill/evaluate.h"
#include "distill/teacher.h"
#include "tests/app/run_testing.h"

using namespace retort;
using namespace retort::testing;

namespace fs = std::filesystem;

namespace {

Examples examples_of(const std::string& directory, const std::string& table) {
  const ModelDirectory model = ModelDirectory::open(directory);
  const LabelMap labels(model.config.labels);
  return encode_examples(read_table(table, {}), model.tokenizer, &labels, model.max_length(0),
                         model.facts.pair_style);
}

double number(const Json& line, const char* key) { return line.find(key)->as_number(key); }

// Every line of one message channel.
struct Messages {
  std::vector<std::string> lines;
  RunCallbacks callbacks() {
    RunCallbacks callbacks;
    callbacks.message = [this](const std::string& line) { lines.push_back(line); };
    return callbacks;
  }
  bool mention(const std::string& part) const {
    for (const std::string& line : lines)
      if (line.find(part) != std::string::npos) return true;
    return false;
  }
};

}  // namespace

TEST_CASE("A run gives the same bits on 1, 2 and 8 threads", "[training]") {
  const World world("threads");
  const RestoreThreads restore;
  for (Recipe recipe : {world.distill_recipe(), world.train_recipe()}) {
    INFO(recipe.command);
    std::map<std::string, std::string> expected;
    for (const int threads : {1, 2, 8}) {
      INFO(threads << " threads");
      set_thread_count(threads);
      run(recipe);
      const auto found = result_of(recipe.out);
      if (expected.empty()) expected = found;
      else check_same_result(expected, found);
      fs::remove_all(recipe.out);
    }
  }
}

TEST_CASE("Splitting a step into micro-batches changes rounding alone", "[training]") {
  const World world("micro");
  Recipe recipe = world.distill_recipe();
  recipe.dropout = 0.3;  // other masks would show at once
  run(recipe);
  const auto expected = log_of(recipe.out);
  REQUIRE(expected.size() == 2 * kStepsPerEpoch);
  for (const std::int64_t micro : {1, 3, 8, 100}) {
    INFO("micro-batches of " << micro);
    Recipe split = recipe;
    split.micro_batch_size = micro;
    run(split, {.overwrite = true});
    const auto found = log_of(split.out);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      INFO("step " << i + 1);
      for (const char* key : {"loss", "soft", "hard"})
        CHECK(number(found[i], key) == Approx(number(expected[i], key)).epsilon(1e-5));
      CHECK(number(found[i], "tokens") == number(expected[i], "tokens"));
      CHECK(number(found[i], "accuracy") == number(expected[i], "accuracy"));
    }
  }
}

TEST_CASE("The log has one line per step with its documented keys", "[training]") {
  const World world("log");
  Recipe recipe = world.distill_recipe();
  run(recipe);
  const auto lines = log_of(recipe.out);
  REQUIRE(lines.size() == 2 * kStepsPerEpoch);
  std::int64_t step = 0;
  for (const Json& line : lines) {
    ++step;
    CHECK(line.get("step", 0) == step);
    CHECK(line.get("epoch", 0) == (step - 1) / kStepsPerEpoch + 1);
    CHECK(number(line, "loss") ==
          Approx(0.7 * number(line, "soft") + 0.3 * number(line, "hard")).epsilon(1e-6));
    CHECK(number(line, "grad_norm") > 0);
    CHECK(number(line, "tokens") > 0);
    CHECK(number(line, "accuracy") >= 0);
    CHECK(number(line, "accuracy") <= 1);
    const double at = static_cast<double>(step - 1);
    CHECK(number(line, "lr") ==
          Approx(2e-3 * (at < 1.6 ? at / 1.6 : (16 - at) / 14.4)).margin(1e-15));
  }
  CHECK(contains(content_of(fs::path(recipe.out) / "log.jsonl"), "\"seconds\":"));
  // Terms that a run doesn't have are null.
  recipe.objective = Objective::distillation(0, 3);
  run(recipe, {.overwrite = true});
  CHECK(log_of(recipe.out).front().find("soft")->is_null());
  recipe.objective = Objective::distillation(1, 3);
  run(recipe, {.overwrite = true});
  CHECK(log_of(recipe.out).front().find("hard")->is_null());
}

TEST_CASE("Without weight the teacher never runs", "[training]") {
  const World world("alpha-zero");
  Recipe recipe = world.distill_recipe();
  recipe.student_layers.clear();
  recipe.student = world.at("start");
  recipe.objective = Objective::distillation(0, 3);
  run(recipe);
  const auto expected = content_of(fs::path(recipe.out) / "model.safetensors");

  damage_weights(world.at("teacher"));
  run(recipe, {.overwrite = true});
  CHECK((content_of(fs::path(recipe.out) / "model.safetensors") == expected));

  // It is what `train` gives.
  Recipe train = world.train_recipe();
  run(train, {.overwrite = true});
  CHECK((content_of(fs::path(train.out) / "model.safetensors") == expected));

  // With weight it is found out, at its step and by its term.
  recipe.objective = Objective::distillation(0.7, 3);
  const std::string message = error_of([&] { run(recipe, {.overwrite = true}); });
  CHECK(contains(message, "step 1"));
  CHECK(contains(message, "logits"));
}

TEST_CASE("A teacher's kept logits are those that it would give again", "[training]") {
  const World world("teacher");
  const Examples examples = examples_of(world.at("teacher"), world.at("train.tsv"));
  const auto make = [&] {
    return Teacher(load_model(world.at("teacher"), {.frozen = true}).model, examples);
  };
  Teacher kept = make();
  const std::vector<std::vector<std::int64_t>> batches = {
      {0, 1, 2, 3}, {3, 9, 1}, {59}, {2, 59, 0, 17}};
  for (const auto& rows : batches) {
    Teacher fresh = make();
    const Tensor expected = fresh.logits(rows), found = kept.logits(rows);
    CHECK(found.shape() == Shape{static_cast<std::int64_t>(rows.size()), 2});
    CHECK(same_bits(found, expected));
    CHECK(same_bits(kept.logits(rows), expected));
  }
  CHECK(make().digest() == kept.digest());
  Teacher other(load_model(world.at("start"), {.frozen = true}).model, examples);
  CHECK(other.digest() != kept.digest());
}

TEST_CASE("The best epoch on dev is kept: accuracy, then F1, then the earlier", "[training]") {
  const World world("best");
  Recipe recipe = world.train_recipe();
  recipe.epochs = 5;
  recipe.lr = 1e-2;
  const RunSummary summary = run(recipe);
  REQUIRE(summary.epochs.size() == 5);
  std::size_t best = 0;
  for (std::size_t i = 1; i < 5; ++i) {
    const EpochReport &a = summary.epochs[i], &b = summary.epochs[best];
    if (a.accuracy > b.accuracy || (a.accuracy == b.accuracy && a.f1 > b.f1)) best = i;
  }
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(summary.epochs[i].best == (i == best));
    CHECK(summary.epochs[i].has_dev);
  }
  // The directory holds that epoch's weights.
  const Examples dev = examples_of(recipe.out, world.at("dev.tsv"));
  const auto metrics = score(predict_logits(*load_model(recipe.out).model, dev), dev, 2);
  CHECK(metrics.accuracy() == summary.epochs[best].accuracy);
  CHECK(metrics.f1() == summary.epochs[best].f1);
  CHECK(metrics.loss() == summary.epochs[best].loss);
}

TEST_CASE("Without dev the last epoch is kept", "[training]") {
  const World world("last");
  Recipe recipe = world.train_recipe();
  recipe.dev.clear();
  const RunSummary summary = run(recipe);
  CHECK(summary.epochs.back().best);
  CHECK_FALSE(summary.epochs.front().best);
  const fs::path out = recipe.out;
  const auto kept = load_model(out);
  const SafetensorsFile last(out / "checkpoints" / "step-16" / "model.safetensors");
  for (const Parameter& parameter : kept.model->parameters()) {
    const TensorEntry* entry = last.find(parameter.name);
    REQUIRE(entry != nullptr);
    CHECK(std::memcmp(entry->bytes.data(), parameter.variable.value().raw(), entry->bytes.size()) ==
          0);
  }
}

TEST_CASE("The newest two checkpoints are kept", "[training]") {
  const World world("checkpoints");
  Recipe recipe = world.train_recipe();
  recipe.checkpoint_every = 5;
  run(recipe, {}, stop_at(11));
  CHECK(checkpoints_of(recipe.out) == std::vector<std::int64_t>{10, 11});
  run(recipe, {.resume = true});
  CHECK(checkpoints_of(recipe.out) == std::vector<std::int64_t>{15, 16});
  recipe.checkpoint_every = 0;
  run(recipe, {.overwrite = true});
  CHECK(checkpoints_of(recipe.out) == std::vector<std::int64_t>{8, 16});
}

TEST_CASE("An OUT that holds files is refused", "[training]") {
  const World world("refused");
  const Recipe recipe = world.train_recipe();
  fs::create_directories(recipe.out);
  const fs::path precious = fs::path(recipe.out) / "precious.txt";
  std::ofstream(precious) << "mine";
  const std::string message = error_of([&] { run(recipe); });
  CHECK(contains(message, recipe.out));
  CHECK(contains(message, "--overwrite"));
  CHECK(files_of(recipe.out).size() == 1);
  CHECK(run(recipe, {.overwrite = true}).result == TrainerResult::finished);
  CHECK(content_of(precious) == "mine");
  Recipe file = recipe;
  file.out = precious.string();
  CHECK(contains(error_of([&] { run(file, {.overwrite = true}); }), "found a file"));
}

TEST_CASE("Overwriting begins afresh", "[training]") {
  const World world("overwrite");
  Recipe recipe = world.train_recipe();
  run(recipe);
  const auto expected = result_of(recipe.out);
  recipe.seed = 5;
  run(recipe, {.overwrite = true}, stop_at(6));
  recipe.seed = 42;
  run(recipe, {.overwrite = true});
  check_same_result(expected, result_of(recipe.out));
}

TEST_CASE("A loss that isn't finite stops the run and keeps the checkpoints", "[training]") {
  const World world("diverged");
  Recipe recipe = world.distill_recipe();
  recipe.checkpoint_every = 1;
  recipe.lr = 1e30;
  const std::string message = error_of([&] { run(recipe); });
  CHECK(contains(message,
                 "step 3: the "));  // the first rate is 0, the second step's spoils the weights
  CHECK(contains(message, " loss isn't finite"));
  CHECK((contains(message, "logits") || contains(message, "labels")));
  CHECK(checkpoints_of(recipe.out) == std::vector<std::int64_t>{1, 2});
  CHECK(log_of(recipe.out).size() == 2);
}

TEST_CASE("String labels come sorted, into the directory and back", "[training]") {
  const World world("strings");
  std::string table = "text_a\ttext_b\tlabel\n";
  const char* names[] = {"zebra", "apple", "mango"};
  for (int i = 0; i < 24; ++i)
    table += "word " + std::to_string(i) + "\tother\t" + names[i % 3] + "\n";
  Recipe recipe = world.train_recipe();
  recipe.data = world.write("strings.tsv", table).string();
  recipe.dev.clear();
  run(recipe);
  const ModelConfig config = ModelConfig::read(recipe.out);
  CHECK(config.labels == std::vector<std::string>{"apple", "mango", "zebra"});
  CHECK(config.raw.find("label2id")->get("zebra", -1) == 2);
  CHECK(config.raw.find("id2label")->get("0", "") == "apple");
  // Trained on, the head and its labels stay; a label that it doesn't know is an error.
  Recipe more = recipe;
  more.model = recipe.out;
  more.out = world.at("more");
  run(more);
  CHECK(ModelConfig::read(more.out).labels == config.labels);
  more.data = world.write("unknown.tsv", table + "a\tb\tpear\n").string();
  const std::string message = error_of([&] { run(more, {.overwrite = true}); });
  CHECK(contains(message, more.data));
  CHECK(contains(message, ":26:"));
  CHECK(contains(message, "pear"));
}

TEST_CASE("A fresh student takes the teacher's labels; others in another order are refused",
          "[training]") {
  const World world("label-order");
  ModelConfig config = world.config("bert", 2);
  config.labels = {"no", "yes"};
  Recipe recipe = world.distill_recipe();
  recipe.teacher = world.make_model_directory("named", config, 3, false);
  recipe.student_layers.clear();
  recipe.student = world.at("start");
  run(recipe);
  CHECK(ModelConfig::read(recipe.out).labels == config.labels);
  config.labels = {"yes", "no"};
  recipe.student = world.make_model_directory("reversed", config, 4, false);
  const std::string message = error_of([&] { run(recipe, {.overwrite = true}); });
  CHECK(contains(message, "labels"));
  CHECK(contains(message, "yes"));
  CHECK(contains(message, recipe.teacher));
  CHECK(contains(message, recipe.student));
}

TEST_CASE("Teacher and student with other vocabularies are refused", "[training]") {
  const World world("vocabularies");
  Recipe recipe = world.distill_recipe();
  recipe.student_layers.clear();
  recipe.student = world.at("start");
  std::string vocab = content_of(world.path() / "start" / "vocab.txt");
  fs::remove(world.path() / "start" / "tokenizer.json");
  // Two pieces swapped: the same pieces, other ids.
  const std::size_t a = vocab.find("\na\n"), b = vocab.find("\nb\n");
  REQUIRE(a != std::string::npos);
  REQUIRE(b != std::string::npos);
  std::swap(vocab[a + 1], vocab[b + 1]);
  std::ofstream(world.path() / "start" / "vocab.txt") << vocab;
  const std::string message = error_of([&] { run(recipe); });
  CHECK(contains(message, "different vocabularies"));
  CHECK(contains(message, "'a'"));
}

TEST_CASE("What a run leaves open comes from the model's directory", "[training]") {
  const World world("defaults");
  Recipe recipe = world.train_recipe();
  recipe.lr.reset();
  recipe.epochs = 1;
  Messages messages;
  run(recipe, {}, messages.callbacks());
  const auto saved = [&] {
    return Recipe::parse(Json::parse_file(fs::path(recipe.out) / "recipe.json"), "recipe.json");
  };
  CHECK(saved().lr == 5e-4);  // the directory was made at random
  CHECK(saved().max_length == 40);
  CHECK(saved().pair_style == "segments");
  CHECK(messages.mention("truncated to 40"));
  CHECK_FALSE(DirectoryFacts::read(recipe.out).random);
  CHECK(DirectoryFacts::read(recipe.out).max_length == 40);

  recipe.model = world.at("teacher");
  run(recipe, {.overwrite = true});
  CHECK(saved().lr == 2e-5);
  CHECK(saved().max_length == 32);  // what it was trained with
  recipe.max_length = 41;
  CHECK(contains(error_of([&] { run(recipe, {.overwrite = true}); }), "40 positions"));
  recipe.max_length = 3;
  CHECK(contains(error_of([&] { run(recipe, {.overwrite = true}); }), "--max-length"));
}

TEST_CASE("A cut DistilBERT learns from pairs and says what was folded", "[training]") {
  const World world("cut-run");
  Messages messages;
  const Recipe recipe = world.distill_recipe();
  run(recipe, {}, messages.callbacks());
  CHECK(messages.mention("token-type row 0"));
  CHECK(messages.mention("pre_classifier"));
  CHECK(ModelConfig::read(recipe.out).model_type == "distilbert");
  Recipe same = recipe;
  same.student_type = "same";
  same.student_head = "fresh";
  Messages others;
  run(same, {.overwrite = true}, others.callbacks());
  CHECK(ModelConfig::read(recipe.out).model_type == "bert");
  CHECK(ModelConfig::read(recipe.out).layers == 2);
  CHECK(others.mention("classifier.weight was made anew"));
}
