// retort student: directories cut from a teacher's.
#include "tests/app/command_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

namespace fs = std::filesystem;

Arguments student(const World& world, const std::string& out, const Arguments& more) {
  return Arguments{"student", "--teacher", world.at("teacher"), "--out", world.at(out)} + more;
}

std::string predictions(const World& world, const std::string& model) {
  return output_of({"predict", "--model", world.at(model), "--input", world.at("dev.tsv")});
}

// Nothing but `names` lies beside the world's own files.
void check_nothing_else(const World& world, const std::vector<std::string>& names) {
  for (const auto& entry : fs::directory_iterator(world.path())) {
    const std::string name = entry.path().filename().string();
    const bool known = name == "teacher" || name == "start" || name.ends_with(".tsv") ||
                       std::find(names.begin(), names.end(), name) != names.end();
    INFO(name);
    CHECK(known);
  }
}

}  // namespace

TEST_CASE("A student of all layers gives what its teacher gives", "[command][student]") {
  const World world("student-whole");
  const std::string said = output_of(student(world, "same", {"--type", "same"}));
  CHECK(contains(said, "bert, 3 layers x 16"));
  CHECK(predictions(world, "same") == predictions(world, "teacher"));
  check_nothing_else(world, {"same"});
  // A fresh head is another one, from the seed.
  output_of(student(world, "a", {"--type", "same", "--head", "fresh", "--seed", "7"}));
  output_of(student(world, "b", {"--type", "same", "--head", "fresh", "--seed", "7"}));
  output_of(student(world, "c", {"--type", "same", "--head", "fresh", "--seed", "8"}));
  CHECK(predictions(world, "a") == predictions(world, "b"));
  CHECK(predictions(world, "a") != predictions(world, "c"));
  CHECK(predictions(world, "a") != predictions(world, "teacher"));
}

TEST_CASE("A student says that its head has learnt nothing", "[command][student]") {
  const World world("student-head");
  const auto warned = [&](const Arguments& arguments) {
    const Ran ran = retort_command(arguments);
    INFO(ran.err);
    CHECK(ran.status == 0);
    return contains(ran.err, ": its head was made anew and never trained");
  };
  const auto asked = [&](const std::string& model) {
    const Arguments predict = {"predict", "--model", world.at(model), "--text", "the printer"},
                    eval = {"eval", "--model", world.at(model), "--data", world.at("dev.tsv")},
                    compare = {"compare",           "--teacher",     world.at("teacher"),
                               "--student",         world.at(model), "--data",
                               world.at("dev.tsv"), "--report",      world.at("r.html")};
    const bool answer = warned(predict);
    CHECK(warned(eval) == answer);
    CHECK(warned(compare) == answer);
    CHECK(contains(output_of({"inspect", world.at(model)}), "head         made anew") == answer);
    return answer;
  };
  output_of(student(world, "copied", {"--layers", "1"}));
  CHECK_FALSE(asked("copied"));
  output_of(student(world, "fresh", {"--layers", "1", "--head", "fresh"}));
  CHECK(asked("fresh"));
  // A student's student copies what was never trained.
  output_of({"student", "--teacher", world.at("fresh"), "--out", world.at("again")});
  CHECK(asked("again"));
  output_of({"train", "--model", world.at("fresh"), "--data", world.at("train.tsv"), "--out",
             world.at("trained"), "--epochs", "1", "--quiet"});
  CHECK_FALSE(asked("trained"));
  // So does that of a teacher that has no such head, but not what has no head.
  const Arguments body = {"--layers", "1", "--type", "same", "--task"};
  output_of(student(world, "words", body + Arguments{"masked-lm"}));
  CHECK(DirectoryFacts::read(world.at("words")).fresh_head);
  output_of(student(world, "vectors", body + Arguments{"embedding"}));
  CHECK_FALSE(DirectoryFacts::read(world.at("vectors")).fresh_head);
  const Ran taught =
      retort_command({"distill", "--teacher", world.at("fresh"), "--student-layers", "1", "--data",
                      world.at("train.tsv"), "--out", world.at("taught"), "--epochs", "1"});
  CHECK(taught.status == 0);
  CHECK(contains(taught.err, "has nothing to teach"));
}

TEST_CASE("A BERT's student is a DistilBERT that can be distilled into", "[command][student]") {
  const World world("student-distil");
  const Ran ran = retort_command(
      student(world, "small", {"--layers", "1,3", "--hidden", "8", "--heads", "1", "--ffn", "10"}));
  INFO(ran.err);
  CHECK(ran.status == 0);
  CHECK(contains(ran.err, "token-type row 0"));
  CHECK(contains(ran.out, "distilbert, 2 layers x 8, 1 heads, feed-forward 10"));
  const ModelConfig config = ModelConfig::read(world.at("small"));
  CHECK(config.model_type == "distilbert");
  CHECK(config.layers == 2);
  output_of({"distill", "--teacher", world.at("teacher"), "--student", world.at("small"), "--data",
             world.at("train.tsv"), "--out", world.at("learned"), "--epochs", "1", "--quiet"});
  CHECK(contains(output_of({"eval", "--model", world.at("learned"), "--data", world.at("dev.tsv")}),
                 "accuracy"));
}

TEST_CASE("A student with a corpus's words alone gives the same for its texts",
          "[command][student]") {
  const World world("student-words");
  const std::string said =
      output_of(student(world, "words", {"--type", "same", "--vocab-from", world.at("dev.tsv")}));
  const std::int64_t before = ModelConfig::read(world.at("teacher")).vocab_size,
                     after = ModelConfig::read(world.at("words")).vocab_size;
  CHECK(after < before);
  CHECK(contains(said, std::to_string(after) + " words"));
  CHECK(predictions(world, "words") == predictions(world, "teacher"));
}

TEST_CASE("A student is written as a whole or not at all", "[command][student]") {
  const World world("student-out");
  const Arguments cut = {"--layers", "1", "--type", "same"};
  output_of(student(world, "out", cut));
  CHECK(contains(complaint_of(student(world, "out", cut)), "--overwrite"));
  output_of(student(world, "out", {"--layers", "2", "--type", "same", "--overwrite"}));
  check_nothing_else(world, {"out"});
  // What a killed process left is no obstacle and goes away.
  fs::create_directories(world.path() / ".out.building" / "x");
  output_of(student(world, "out/", cut + Arguments{"--overwrite"}));
  check_nothing_else(world, {"out"});
  world.write("out/notes.txt", "mine");
  CHECK(contains(complaint_of(student(world, "out", cut + Arguments{"--overwrite"})), "notes.txt"));
  CHECK(content_of(world.path() / "out" / "notes.txt") == "mine");
  CHECK(contains(complaint_of(student(world, "train.tsv", cut)), "found a file"));
  CHECK(contains(complaint_of(student(world, "teacher", cut + Arguments{"--overwrite"})),
                 "teacher's directory"));
  CHECK(contains(complaint_of(student(world, "x", {"--layers", "1,4"})), "layer 4"));
  CHECK(contains(complaint_of(student(world, "x", {"--layers", "3,1"})), "ascending"));
  CHECK(contains(complaint_of(student(world, "x", {"--hidden", "12"})), "heads of 8 columns"));
  CHECK(contains(complaint_of(student(world, "x", {"--head", "old"})), "--head"));
  CHECK(
      contains(complaint_of(student(world, "x", {"--vocab-from", world.at("no.txt")})), "no.txt"));
  check_nothing_else(world, {"out"});
}

TEST_CASE("A student that is killed leaves what was there or what it made", "[command][student]") {
  const World world("student-killed");
  ModelConfig config = world.config("bert", 2);  // large enough to be killed while it is written
  config.intermediate_size = 1 << 16;
  world.make_model_directory("teacher", config, 3, false);
  const auto cut = [&](const std::string& out, int layer) {
    return student(world, out,
                   {"--layers", std::to_string(layer), "--type", "same", "--overwrite"});
  };
  output_of(cut("one", 1));
  output_of(cut("two", 2));
  const auto one = files_of(world.at("one")), two = files_of(world.at("two"));
  const fs::path out = world.at("out"), building = world.at(".out.building");
  // Waits until writing has begun; false when it was over before.
  const auto wait_for_writing = [&](const Process& process) {
    while (!fs::exists(building))
      if (!process.runs()) return false;
      else std::this_thread::yield();
    return true;
  };
  double writing = 0;  // seconds
  {
    Process process(cut("out", 1));
    REQUIRE(wait_for_writing(process));
    const auto start = std::chrono::steady_clock::now();
    CHECK(process.wait().status == 0);
    writing = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  constexpr int kMoments = kQuick ? 4 : 12;
  int kills = 0;
  for (const bool over_another : {false, true}) {
    if (over_another) output_of(cut("out", 1));  // the last one killed may have left nothing
    for (int moment = 0; moment < kMoments; ++moment) {
      if (!over_another) fs::remove_all(out);
      fs::remove_all(building);
      Process process(cut("out", moment % 2 + 1));
      if (wait_for_writing(process))
        std::this_thread::sleep_for(
            std::chrono::duration<double>(writing * moment / (kMoments - 1)));
      process.signal(SIGKILL);
      kills += process.wait().status == 128 + SIGKILL;
      INFO("moment " << moment << (over_another ? " over another" : ""));
      CHECK((fs::exists(out) || !over_another));
      if (!fs::exists(out)) continue;
      const auto found = files_of(out);
      const bool whole = found == one || found == two;
      CHECK(whole);
    }
  }
  CHECK(kills > 0);
  output_of(cut("out", 2));
  CHECK((files_of(out) == two));
  check_nothing_else(world, {"one", "two", "out"});
}
