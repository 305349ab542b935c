// Whole runs through the command line: from init to compare, recipes, resume, and a process that is
// killed or interrupted.
#include "tests/app/command_testing.h"

using namespace retort;
using namespace retort::testing;

namespace fs = std::filesystem;

namespace {

// Long enough to be interrupted: `epochs` times 8 steps.
Arguments distill(const World& world, const std::string& out, int epochs = 2) {
  return {"distill",
          "--teacher",
          world.at("teacher"),
          "--student-layers",
          "1,3",
          "--data",
          world.at("train.tsv"),
          "--dev",
          world.at("dev.tsv"),
          "--out",
          world.at(out),
          "--epochs",
          std::to_string(epochs),
          "--batch-size",
          "8",
          "--lr",
          "2e-3",
          "--checkpoint-every",
          "3"};
}

std::size_t log_lines(const fs::path& out) {
  const std::string log = content_of(out / "log.jsonl");
  return static_cast<std::size_t>(std::count(log.begin(), log.end(), '\n'));
}

// Waits until the run has logged `lines` steps, or for half a minute.
void wait_for_steps(const fs::path& out, std::size_t lines) {
  for (int i = 0; i < 15000 && log_lines(out) < lines; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  REQUIRE(log_lines(out) >= lines);
}

std::size_t count_lines_with(const std::string& text, const std::string& start) {
  std::size_t count = 0;
  for (const std::string& line : lines_of(text)) count += line.starts_with(start);
  return count;
}

// The results of two runs that differ in --out alone.
void check_same_runs(const World& world, const std::string& a, const std::string& b) {
  auto one = result_of(world.at(a)), two = result_of(world.at(b));
  const auto without_out = [](const std::string& recipe) {
    Json json = Json::parse(recipe, "recipe.json");
    json["out"] = "";
    return json.dump();
  };
  one["recipe.json"] = without_out(one["recipe.json"]);
  two["recipe.json"] = without_out(two["recipe.json"]);
  check_same_result(one, two);
}

}  // namespace

TEST_CASE("From a configuration to a comparison, by commands alone", "[command][train]") {
  const World world("workflow");
  const std::string tickets = world.at("tickets.tsv"), parts = world.at("parts"),
                    model = world.at("model");
  output_of({"data", "tickets", "--rows", "120", "--seed", "3", "--out", tickets});
  output_of({"data", "split", "--input", tickets, "--parts", "train=0.7,dev=0.3", "--stratify",
             "label", "--out", parts});
  output_of(
      {"train-tokenizer", "--vocab-size", "260", "--input", tickets, "--out", world.at("vocab")});
  world.write(
      "config.json",
      R"({"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,)"
      R"( "intermediate_size": 24, "max_position_embeddings": 64})");
  CHECK(contains(output_of({"init", "--config", world.at("config.json"), "--vocab",
                            world.at("vocab/vocab.txt"), "--out", model, "--seed", "1"}),
                 "parameters"));
  for (const char* file :
       {"config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "tokenizer_config.json"})
    CHECK(fs::exists(fs::path(model) / file));
  const std::string train = parts + "/train.tsv", dev = parts + "/dev.tsv", teacher = world.at("t"),
                    student = world.at("s");
  const Ran ran = retort_command({"train", "--model", model, "--data", train, "--dev", dev, "--out",
                                  teacher, "--epochs", "1"});
  CHECK(ran.status == 0);
  CHECK(contains(ran.err, "\"lr\": 5e-04"));  // the recipe as it runs: the model was random
  CHECK(contains(ran.err, "\"batch_size\": 16"));
  CHECK(contains(ran.err, "truncated"));
  CHECK(contains(ran.err, "epoch 1"));
  for (const char* file : {"config.json", "model.safetensors", "vocab.txt", "tokenizer.json",
                           "tokenizer_config.json", "recipe.json", "log.jsonl"})
    CHECK(fs::exists(fs::path(teacher) / file));
  output_of({"distill", "--teacher", teacher, "--student-layers", "2", "--data", train, "--dev",
             dev, "--out", student, "--epochs", "1", "--quiet"});
  CHECK(contains(output_of({"eval", "--model", student, "--data", dev, "--json"}),
                 "\"examples\": 36,"));
  const std::string report = world.at("report.html");
  const Json compared =
      Json::parse(output_of({"compare", "--teacher", teacher, "--student", student, "--data", dev,
                             "--report", report, "--json"}),
                  "compare --json");
  CHECK(compared.is_object());
  CHECK(contains(content_of(report), "<html"));
}

TEST_CASE("Seeds decide: the same one gives the same bits", "[command][train]") {
  const World world("seeds");
  const Arguments init = {"init", "--config", world.at("start/config.json"), "--vocab",
                          world.at("start")};
  output_of(init + Arguments{"--out", world.at("a"), "--seed", "5"});
  output_of(init + Arguments{"--out", world.at("b"), "--seed", "5"});
  output_of(init + Arguments{"--out", world.at("c"), "--seed", "6"});
  CHECK((files_of(world.at("a")) == files_of(world.at("b"))));
  CHECK((files_of(world.at("a")) != files_of(world.at("c"))));
  output_of(distill(world, "one") + Arguments{"--threads", "1", "--quiet"});
  output_of(distill(world, "two") + Arguments{"--threads", "2", "--quiet"});
  output_of(distill(world, "other") + Arguments{"--seed", "7", "--quiet"});
  CHECK((content_of(world.at("one/model.safetensors")) ==
         content_of(world.at("two/model.safetensors"))));
  CHECK((content_of(world.at("one/model.safetensors")) !=
         content_of(world.at("other/model.safetensors"))));
}

TEST_CASE("A recipe file runs again; flags after it win", "[command][train]") {
  const World world("recipes");
  output_of(distill(world, "first") +
            Arguments{"--alpha", "0.4", "--temperature", "2", "--dropout", "0.2", "--quiet"});
  const std::string recipe = world.at("first/recipe.json");
  output_of({"distill", "--recipe", recipe, "--out", world.at("again"), "--quiet"});
  check_same_runs(world, "first", "again");
  const auto saved = [&](const std::string& out) {
    return Recipe::parse(Json::parse_file(world.at(out + "/recipe.json")), "recipe.json");
  };
  CHECK(saved("again").objective == Objective::distillation(0.4, 2));

  output_of({"distill", "--recipe", recipe, "--out", world.at("changed"), "--epochs", "1", "--seed",
             "9", "--alpha", "0.5", "--student-layers", "2", "--quiet"});
  CHECK(saved("changed").epochs == 1);
  CHECK(saved("changed").seed == 9);
  CHECK(saved("changed").objective ==
        Objective::distillation(0.5, 2));  // the temperature stays the file's
  CHECK(saved("changed").student_layers == std::vector<int>{2});
  CHECK(saved("changed").dropout == 0.2);
  // A student of its own takes the place of the recipe's cut, and the other way round.
  output_of({"distill", "--recipe", recipe, "--out", world.at("student"), "--student",
             world.at("start"), "--quiet"});
  CHECK(saved("student").student_layers.empty());
  output_of({"distill", "--recipe", world.at("student/recipe.json"), "--out", world.at("cut"),
             "--student-layers", "1", "--quiet"});
  CHECK(saved("cut").student.empty());
  // One for another command isn't one.
  CHECK(contains(complaint_of({"train", "--recipe", recipe, "--out", world.at("x")}), recipe));
  CHECK(contains(complaint_of({"distill", "--recipe", recipe, "--lr", "1", "--lr", "2"}), "--lr"));
  world.write("bad.json", "{\"command\": \"distill\", \"epoch\": 3}");
  CHECK(contains(complaint_of({"distill", "--recipe", world.at("bad.json")}), "bad.json: 'epoch'"));
}

TEST_CASE("The notebook's preset shows in the recipe", "[command][train]") {
  const World world("preset");
  output_of(distill(world, "out", 1) + Arguments{"--preset", "notebook", "--quiet"});
  const Recipe recipe = Recipe::parse(Json::parse_file(world.at("out/recipe.json")), "recipe.json");
  CHECK(recipe.schedule == "constant");
  CHECK(recipe.clip == 0);
  CHECK(recipe.decay_all);
  for (const Json& line : log_of(world.at("out"))) CHECK(line.find("lr")->as_number("lr") == 2e-3);
}

TEST_CASE("A run that was killed goes on with --resume and ends with the same bits",
          "[command][train]") {
  const World world("sigkill");
  constexpr int kEpochs = 30;
  output_of(distill(world, "whole", kEpochs) + Arguments{"--quiet"});
  const auto arguments = distill(world, "killed", kEpochs) + Arguments{"--quiet", "--resume"};
  // Killed as often as it takes, at moments that no step chooses.
  int kills = 0;
  for (const std::size_t steps : {1u, 20u, 41u, 67u}) {
    Process process(arguments);
    wait_for_steps(world.at("killed"), steps);
    std::this_thread::sleep_for(std::chrono::microseconds(700 * (kills + 1)));
    process.signal(SIGKILL);
    const Ran ran = process.wait();
    if (ran.status == 0) break;  // it was faster
    CHECK(ran.status == 128 + SIGKILL);
    ++kills;
  }
  CHECK(kills >= 1);
  output_of(arguments);
  check_same_runs(world, "whole", "killed");
}

TEST_CASE("Ctrl-C ends a run with one line, status 130 and a checkpoint", "[command][train]") {
  const World world("sigint");
  constexpr int kEpochs = 30;
  output_of(distill(world, "whole", kEpochs) + Arguments{"--quiet"});
  const auto arguments = distill(world, "stopped", kEpochs) + Arguments{"--quiet", "--resume"};
  for (const int signal : {SIGINT, SIGTERM}) {
    INFO("signal " << signal);
    Process process(arguments);
    wait_for_steps(world.at("stopped"), signal == SIGINT ? 13 : 30);
    process.signal(signal);
    const Ran ran = process.wait();
    INFO(ran.err);
    REQUIRE(ran.status == 130);
    CHECK(ran.out.empty());
    REQUIRE(lines_of(ran.err).size() == 1);
    CHECK(contains(ran.err, "retort: interrupted at step "));
    CHECK(contains(ran.err, "--resume"));
    const auto steps = checkpoints_of(world.at("stopped"));
    REQUIRE_FALSE(steps.empty());
    CHECK(contains(ran.err, "step " + std::to_string(steps.back()) + " of 240"));
  }
  output_of(arguments);
  check_same_runs(world, "whole", "stopped");
}

TEST_CASE("Resume on a finished run exits 0 and changes nothing", "[command][train]") {
  const World world("resume-done");
  output_of(distill(world, "out") + Arguments{"--quiet"});
  const auto before = files_of(world.at("out"));
  const Ran ran = retort_command(distill(world, "out") + Arguments{"--resume"});
  CHECK(ran.status == 0);
  CHECK(contains(ran.err, "finished already"));
  CHECK((files_of(world.at("out")) == before));
  CHECK(contains(complaint_of(distill(world, "out") + Arguments{"--quiet"}), "--overwrite"));
  CHECK(contains(
      complaint_of(distill(world, "out") + Arguments{"--resume", "--seed", "1", "--quiet"}),
      "seed was 42"));
  CHECK((files_of(world.at("out")) == before));
}

TEST_CASE("A rate that is far too high is one line with step and term", "[command][train]") {
  const World world("diverges");
  const auto with_rate = [&](const std::string& out, const std::string& rate) {
    Arguments arguments = distill(world, out) + Arguments{"--quiet"};
    *(std::find(arguments.begin(), arguments.end(), "--lr") + 1) = rate;
    return complaint_of(arguments);
  };
  const std::string line = with_rate("out", "1e30");
  CHECK(contains(line, "retort: step "));
  CHECK(contains(line, "loss isn't finite"));
  CHECK(contains(with_rate("out2", "inf"), "--lr"));
}

TEST_CASE("What distill can't do is one line", "[command][train]") {
  const World world("distill-bad");
  const Arguments base = {"distill", "--data",        world.at("train.tsv"),
                          "--out",   world.at("out"), "--quiet"};
  const Arguments teacher = base + Arguments{"--teacher", world.at("teacher")};
  CHECK(contains(complaint_of(teacher), "--student-layers"));
  CHECK(contains(
      complaint_of(teacher + Arguments{"--student", world.at("start"), "--student-layers", "1"}),
      "both"));
  CHECK(contains(complaint_of(base + Arguments{"--student-layers", "1"}), "--teacher"));
  CHECK(contains(complaint_of(teacher + Arguments{"--student-layers", "4"}), "layer 4"));
  CHECK(contains(complaint_of(teacher + Arguments{"--student-layers", "2,1"}), "ascending"));
  CHECK(contains(complaint_of(teacher + Arguments{"--student-layers", "1,x"}), "--student-layers"));
  CHECK(contains(complaint_of(teacher + Arguments{"--student-layers", "1", "--alpha", "1.5"}),
                 "--alpha"));
  CHECK(contains(complaint_of(teacher + Arguments{"--student-layers", "1", "--temperature", "0"}),
                 "--temperature"));
  CHECK(contains(complaint_of(teacher + Arguments{"--student-layers", "1", "--max-length", "41"}),
                 "40 positions"));
  CHECK(contains(complaint_of(teacher + Arguments{"--student-layers", "1", "--limit", "0"}),
                 "limit"));
  // Nothing of that left anything behind but perhaps an empty folder.
  CHECK((!fs::exists(world.at("out")) || fs::is_empty(world.at("out"))));
}

TEST_CASE("A teacher that was never trained teaches, with a warning", "[command][train]") {
  const World world("distill-untrained");
  const Ran ran = retort_command(Arguments{"distill", "--data", world.at("train.tsv"), "--out", world.at("out"), "--teacher",
                                   world.at("start"), "--student-layers", "1", "--epochs", "1"});
  CHECK(ran.status == 0);
  CHECK(contains(ran.err, "has nothing to teach"));
}

TEST_CASE("split warns of texts in two parts and of damaged rows", "[command]") {
  const World world("split");
  std::string table = "sentence\tlabel\n";
  for (int i = 0; i < 30; ++i)
    table += "text " + std::to_string(i % 15) + "\t" + std::to_string(i % 2) + "\n";
  const std::string input = world.write("twice.tsv", table + "too\tmany\tfields\n").string();
  const Ran ran = retort_command({"data", "split", "--input", input, "--parts", "a=0.5,b=0.5",
                                  "--seed", "1", "--out", world.at("parts")});
  CHECK(ran.status == 0);
  CHECK(count_lines_with(ran.err, "retort: ") == 0);
  CHECK(contains(ran.err, ":32:"));
  CHECK(contains(ran.err, "more than one part"));
  CHECK(contains(ran.out, "15 rows"));
  const std::string before = content_of(world.at("parts/a.tsv"));
  const Arguments again = {"data",        "split",  "--input", input,   "--parts",
                           "a=0.5,b=0.5", "--seed", "2",       "--out", world.at("parts")};
  CHECK(contains(complaint_of(again), "a.tsv"));
  CHECK(content_of(world.at("parts/a.tsv")) == before);
  CHECK(contains(complaint_of({"data", "split", "--input", input, "--parts", "a=0.5,b=0.6", "--out",
                               world.at("x")}),
                 "parts"));
  CHECK(contains(complaint_of({"data", "split", "--input", input, "--stratify", "color", "--out",
                               world.at("x")}),
                 "color"));
  CHECK(contains(complaint_of({"data", "tickets", "--rows", "0", "--out", world.at("none.tsv")}),
                 "rows"));
  CHECK_FALSE(fs::exists(world.at("none.tsv")));
}
