// A run that was stopped or killed and goes on gives the same bits as one that never stopped.
#include "tests/app/run_testing.h"

using namespace retort;
using namespace retort::testing;

namespace fs = std::filesystem;

namespace {

// The uninterrupted run of `recipe`; OUT is gone afterwards.
std::map<std::string, std::string> undisturbed(const Recipe& recipe) {
  CHECK(run(recipe).result == TrainerResult::finished);
  auto result = result_of(recipe.out);
  fs::remove_all(recipe.out);
  return result;
}

}  // namespace

TEST_CASE("A run that is interrupted and resumed gives the same bits", "[training][resume]") {
  const World world("resume");
  for (Recipe recipe : {world.distill_recipe(), world.train_recipe()}) {
    INFO(recipe.command);
    recipe.checkpoint_every = 3;
    const auto expected = undisturbed(recipe);
    // The first step, mid-epoch, the end of an epoch and the steps beside it, the last but one.
    for (const std::int64_t step : {1, 5, 7, 8, 9, 15}) {
      INFO("stopped at step " << step);
      const RunSummary stopped = run(recipe, {}, stop_at(step));
      CHECK(stopped.result == TrainerResult::interrupted);
      CHECK(stopped.step == step);
      const RunSummary resumed = run(recipe, {.resume = true});
      CHECK(resumed.result == TrainerResult::finished);
      CHECK(resumed.epochs.size() == 2);
      check_same_result(expected, result_of(recipe.out));
      fs::remove_all(recipe.out);
    }
  }
}

TEST_CASE("A run that is killed between checkpoints gives the same bits", "[training][resume]") {
  const World world("killed");
  Recipe recipe = world.distill_recipe();
  recipe.checkpoint_every = 3;
  const auto expected = undisturbed(recipe);
  // Before the first checkpoint, on and off checkpoints, around the epoch's end, several times
  // over.
  for (const std::vector<std::int64_t>& deaths :
       std::vector<std::vector<std::int64_t>>{{1}, {2}, {4}, {8}, {9}, {16}, {2, 5, 11, 12, 14}}) {
    INFO("killed at step " << deaths.front() << " and " << deaths.size() - 1 << " more");
    bool resume = false;
    for (const std::int64_t step : deaths) {
      CHECK_THROWS_AS(run(recipe, {.resume = resume}, die_at(step)), Killed);
      resume = true;
    }
    CHECK(run(recipe, {.resume = true}).result == TrainerResult::finished);
    check_same_result(expected, result_of(recipe.out));
    fs::remove_all(recipe.out);
  }
}

TEST_CASE("The best epoch survives a resume after it", "[training][resume]") {
  const World world("best-resume");
  Recipe recipe = world.train_recipe();
  recipe.epochs = 4;
  recipe.lr = 2e-2;
  std::vector<EpochReport> epochs = run(recipe).epochs;
  const auto expected = result_of(recipe.out);
  fs::remove_all(recipe.out);
  for (std::int64_t epoch = 1; epoch < 4; ++epoch) {
    run(recipe, {}, stop_at(epoch * kStepsPerEpoch));
    const RunSummary resumed = run(recipe, {.resume = true});
    REQUIRE(resumed.epochs.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(resumed.epochs[i].best == epochs[i].best);
      CHECK(resumed.epochs[i].accuracy == epochs[i].accuracy);
      CHECK(resumed.epochs[i].train_loss == epochs[i].train_loss);
    }
    check_same_result(expected, result_of(recipe.out));
    fs::remove_all(recipe.out);
  }
}

TEST_CASE("Resuming a finished run changes nothing", "[training][resume]") {
  const World world("finished");
  const Recipe recipe = world.distill_recipe();
  run(recipe);
  const auto before = files_of(recipe.out);
  std::map<std::string, fs::file_time_type> times;
  for (const auto& entry : fs::recursive_directory_iterator(recipe.out))
    times[entry.path().string()] = entry.last_write_time();
  times[recipe.out] = fs::last_write_time(recipe.out);

  const RunSummary again = run(recipe, {.resume = true});
  CHECK(again.result == TrainerResult::already_finished);
  CHECK(again.step == 2 * kStepsPerEpoch);
  CHECK(files_of(recipe.out) == before);
  for (const auto& [path, time] : times) {
    INFO(path);
    CHECK(fs::last_write_time(path) == time);
  }
}

TEST_CASE("A run of a time when there were single labels alone is resumed", "[training][resume]") {
  const World world("resume-old");
  Recipe recipe = world.distill_recipe();
  const auto expected = undisturbed(recipe);
  CHECK_THROWS_AS(run(recipe, {}, die_at(10)), Killed);
  const fs::path saved = fs::path(recipe.out) / "recipe.json";
  Json old = Json::Object{};
  const Json now = Json::parse_file(saved);
  for (const auto& [key, value] : now.as_object("recipe"))
    if (key != "problem") old[key] = value;
  REQUIRE_FALSE(old == now);
  std::ofstream(saved) << old.dump(2) << "\n";
  CHECK(run(recipe, {.resume = true}).result == TrainerResult::finished);
  check_same_result(expected, result_of(recipe.out));
}

TEST_CASE("Resume starts where there is nothing to resume", "[training][resume]") {
  const World world("resume-nothing");
  const Recipe recipe = world.distill_recipe();
  const auto expected = undisturbed(recipe);
  SECTION("no OUT") {}
  SECTION("an empty OUT") { fs::create_directories(recipe.out); }
  SECTION("killed before the first checkpoint") {
    CHECK_THROWS_AS(run(recipe, {}, die_at(2)), Killed);
    CHECK(fs::exists(fs::path(recipe.out) / "log.jsonl"));
  }
  SECTION("killed while the first checkpoint was written") {
    const fs::path building = fs::path(recipe.out) / "checkpoints" / ".building-step-8";
    fs::create_directories(building);
    std::ofstream(building / "model.safetensors") << "half";
  }
  SECTION("killed while a checkpoint was written that comes at no step now") {
    fs::create_directories(fs::path(recipe.out) / "checkpoints" / ".building-step-3");
  }
  CHECK(run(recipe, {.resume = true}).result == TrainerResult::finished);
  check_same_result(expected, result_of(recipe.out));
  CHECK(checkpoints_of(recipe.out) == std::vector<std::int64_t>{8, 16});
}

TEST_CASE("Resume refuses a recipe that would give another result and names the key",
          "[training][resume]") {
  const World world("resume-other");
  const Recipe recipe = world.distill_recipe();
  run(recipe, {}, stop_at(5));
  const auto before = files_of(recipe.out);
  const auto refusal = [&](const std::string& key, auto change) {
    INFO(key);
    Recipe other = recipe;
    change(other);
    const std::string message = error_of([&] { run(other, {.resume = true}); });
    CHECK(
        contains(message, (fs::path(recipe.out) / "recipe.json").string() + ": " + key + " was "));
    CHECK(files_of(recipe.out) == before);
  };
  refusal("epochs", [](Recipe& other) { other.epochs = 3; });
  refusal("lr", [](Recipe& other) { other.lr = 1e-4; });
  refusal("batch_size", [](Recipe& other) { other.batch_size = 4; });
  refusal("micro_batch_size", [](Recipe& other) { other.micro_batch_size = 4; });
  refusal("seed", [](Recipe& other) { other.seed = 1; });
  refusal("objective", [](Recipe& other) { other.objective = Objective::distillation(0.6, 3); });
  refusal("objective", [](Recipe& other) { other.objective = Objective::distillation(0.7, 4); });
  refusal("schedule", [](Recipe& other) { other.schedule = "constant"; });
  refusal("warmup", [](Recipe& other) { other.warmup = 0.2; });
  refusal("weight_decay", [](Recipe& other) { other.weight_decay = 0; });
  refusal("clip", [](Recipe& other) { other.clip = 0; });
  refusal("dropout", [](Recipe& other) { other.dropout = 0; });
  refusal("student_layers", [](Recipe& other) { other.student_layers = {1, 2}; });
  refusal("student_type", [](Recipe& other) { other.student_type = "same"; });
  refusal("student_head", [](Recipe& other) { other.student_head = "fresh"; });
  refusal("max_length", [](Recipe& other) { other.max_length = 20; });
  refusal("pair_style", [](Recipe& other) { other.pair_style = "joined"; });
  refusal("limit", [](Recipe& other) { other.table.limit = 59; });
  refusal("rows", [](Recipe& other) { other.table.rows = "0:60"; });

  // Threads and how often it is saved change no result.
  Recipe same = recipe;
  same.threads = 3;
  same.checkpoint_every = 2;
  CHECK(run(same, {.resume = true}).result == TrainerResult::finished);
}

TEST_CASE("Resume refuses other data and another teacher", "[training][resume]") {
  const World world("resume-data");
  const Recipe recipe = world.distill_recipe();
  run(recipe, {}, stop_at(5));
  Recipe other = recipe;
  std::string table = content_of(world.at("train.tsv"));
  table.replace(table.rfind('\t') + 1, 1, table[table.rfind('\t') + 1] == '0' ? "1" : "0");
  other.data = world.write("other.tsv", table).string();
  CHECK(contains(error_of([&] { run(other, {.resume = true}); }), "other training data"));
  other = recipe;
  other.teacher = world.make_model_directory("another", world.config("bert", 3), 99, false);
  CHECK(contains(error_of([&] { run(other, {.resume = true}); }), "another teacher"));
  // Paths alone don't count.
  fs::copy(world.at("teacher"), world.at("moved"), fs::copy_options::recursive);
  other.teacher = world.at("moved");
  CHECK(run(other, {.resume = true}).result == TrainerResult::finished);
}

TEST_CASE("A damaged checkpoint is an error that names its file", "[training][resume]") {
  const World world("resume-damaged");
  const Recipe recipe = world.distill_recipe();
  run(recipe, {}, stop_at(5));
  const fs::path checkpoint = fs::path(recipe.out) / "checkpoints" / "step-5";
  REQUIRE(fs::exists(checkpoint));
  for (const std::string name : {"state.json", "model.safetensors", "optimizer.safetensors"}) {
    INFO(name);
    const std::string content = content_of(checkpoint / name);
    const auto message = [&] { return error_of([&] { run(recipe, {.resume = true}); }); };
    fs::remove(checkpoint / name);
    CHECK(contains(message(), (checkpoint / name).string()));
    for (const std::size_t length : {std::size_t{0}, content.size() / 2, content.size() - 3}) {
      std::ofstream(checkpoint / name, std::ios::binary) << content.substr(0, length);
      CHECK(contains(message(), (checkpoint / name).string()));
    }
    std::ofstream(checkpoint / name, std::ios::binary) << content;
  }
  // A log that is shorter than the checkpoint knows isn't filled up with nothing.
  const fs::path log = fs::path(recipe.out) / "log.jsonl";
  const std::string lines = content_of(log);
  fs::resize_file(log, lines.size() / 2);
  CHECK(contains(error_of([&] { run(recipe, {.resume = true}); }), log.string()));
  std::ofstream(log, std::ios::binary) << lines;
  CHECK(run(recipe, {.resume = true}).result == TrainerResult::finished);
}
