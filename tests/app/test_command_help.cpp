// The command line itself: help with defaults, and flags or commands that don't exist.
#include "tests/app/command_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

bool shows(const std::string& help, const std::string& flag, const std::string& text) {
  for (const std::string& line : lines_of(help)) {
    const std::size_t at = line.find(flag);
    if (at == std::string::npos) continue;
    const char after = line.c_str()[at + flag.size()];
    if (after != ' ' && after != ',') continue;
    // The description may begin on the next line.
    const std::size_t start = help.find(line);
    const std::string_view entry = std::string_view(help).substr(start, line.size() + 160);
    // CLI11 writes --flag TEXT=default, or [default] since 2.2.
    if (text.starts_with("=") && entry.find("[" + text.substr(1) + "]") != entry.npos) return true;
    return contains(entry, text);
  }
  UNSCOPED_INFO(flag << " isn't in the help");
  return false;
}

}  // namespace

TEST_CASE("Every command has help on stdout", "[command]") {
  const std::vector<Arguments> commands = {{},
                                           {"init"},
                                           {"student"},
                                           {"train"},
                                           {"distill"},
                                           {"eval"},
                                           {"predict"},
                                           {"outputs"},
                                           {"generate"},
                                           {"compare"},
                                           {"inspect"},
                                           {"data"},
                                           {"data", "tickets"},
                                           {"data", "support-desk"},
                                           {"data", "split"},
                                           {"train-tokenizer"},
                                           {"tokenize"},
                                           {"detokenize"},
                                           {"bench"},
                                           {"bench", "matmul"},
                                           {"bench", "attention"},
                                           {"bench", "decode"},
                                           {"bench", "stream"},
                                           {"bench", "tokenizer"}};
  for (Arguments arguments : commands) {
    arguments.push_back("--help");
    const Ran ran = retort_command(arguments);
    INFO((arguments.size() > 1 ? arguments.front() : "retort"));
    CHECK(ran.status == 0);
    CHECK(ran.err.empty());
    CHECK(contains(ran.out, "Usage"));
  }
  CHECK(contains(output_of({"--version"}), "retort "));
  const std::string all = output_of({"--help"});
  for (const Arguments& command : commands)
    if (!command.empty()) CHECK(contains(all, command.front()));
}

TEST_CASE("Help shows the defaults", "[command]") {
  const std::string distill = output_of({"distill", "--help"});
  for (const auto& [flag, text] :
       std::vector<std::pair<std::string, std::string>>{{"--temperature", "default 3"},
                                                        {"--alpha", "default 0.7"},
                                                        {"--lr", "2e-5"},
                                                        {"--lr", "5e-4"},
                                                        {"--batch-size", "=16"},
                                                        {"--epochs", "=3"},
                                                        {"--seed", "=42"},
                                                        {"--warmup", "=0.1"},
                                                        {"--schedule", "=linear"},
                                                        {"--weight-decay", "=0.01"},
                                                        {"--clip", "=1"},
                                                        {"--dropout", "config"},
                                                        {"--max-length", "128"},
                                                        {"--checkpoint-every", "=500"},
                                                        {"--student-type", "=distilbert"},
                                                        {"--student-head", "=copy"},
                                                        {"--threads", "=0"},
                                                        {"--pair-style", "directory"},
                                                        {"--preset", "notebook"},
                                                        {"--format", "=auto"}}) {
    INFO(flag);
    CHECK(shows(distill, flag, text));
  }
  const std::string train = output_of({"train", "--help"});
  CHECK(shows(train, "--epochs", "=3"));
  CHECK(shows(train, "--model", "Model directory"));
  CHECK(shows(output_of({"init", "--help"}), "--seed", "=42"));
  CHECK(shows(output_of({"data", "tickets", "--help"}), "--rows", "=20000"));
  CHECK(shows(output_of({"data", "split", "--help"}), "--parts", "train=0.8,dev=0.1,test=0.1"));
}

TEST_CASE("Arguments that don't exist are one line and an exit status", "[command]") {
  CHECK(contains(complaint_of({}), "--help"));
  CHECK(contains(complaint_of({"destill"}), "'destill'"));
  CHECK(contains(complaint_of({"data", "tikcets"}), "'tikcets'"));
  CHECK(contains(complaint_of({"eval", "--modle", "x"}), "--mod"));
  CHECK(contains(complaint_of({"train", "--learning-rate", "1"}), "--learning-rate"));
  CHECK(contains(complaint_of({"eval", "--data", "x"}), "--model"));
  CHECK(contains(complaint_of({"data"}), "subcommand"));
  CHECK(contains(complaint_of({"data", "tickets", "--rows", "many", "--out", "x"}), "--rows"));
  CHECK(contains(complaint_of({"train", "--epochs", "1.5"}), "--epochs"));
  CHECK(contains(complaint_of({"train", "--threads", "-1"}), "--threads"));
  CHECK(contains(complaint_of({"train"}), "--model"));
  CHECK(contains(complaint_of({"predict", "--model", "x"}), "--text or --input"));
  CHECK(contains(complaint_of({"predict", "--model", "x", "--pair", "b"}), "--text"));
  CHECK(contains(complaint_of({"train", "--preset", "magic"}), "magic"));
  CHECK(contains(complaint_of({"train", "--recipe", "/nonexistent/recipe.json"}),
                 "/nonexistent/recipe.json"));
  // A line break in an argument stays on the line.
  complaint_of({"eval", "--model", "a\nb", "--data", "c\nd"});
  complaint_of({"train", "--bogus\nflag", "x"});
}
