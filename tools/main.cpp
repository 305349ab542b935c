// The retort binary: picks a command, runs it, turns errors into one line and an exit status.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "tensor/base/error.h"
#include "tools/commands.h"
#include "tools/signals.h"

namespace {

// Errors are one line, whatever a file name or an argument in them holds.
int complain(std::string message, int status) {
  for (char& c : message)
    if (c == '\n' || c == '\r') c = ' ';
  std::fprintf(stderr, "retort: %s\n", message.c_str());
  return status;
}

// CLI11 says only that a command is missing when there is one that it doesn't know.
void check_command(CLI::App& app, int argc, char** argv) {
  CLI::App* level = &app;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const auto commands = level->get_subcommands([](CLI::App*) { return true; });
    if (commands.empty()) return;
    std::string names;
    CLI::App* found = nullptr;
    for (CLI::App* command : commands) {
      if (command->get_name() == argv[i]) found = command;
      names += (names.empty() ? "" : ", ") + command->get_name();
    }
    retort::check(found != nullptr, "there is no command '", argv[i], "'; there are ", names);
    level = found;
  }
}

// On shared cores, threads that spin at a barrier cost the ones that work ten times over, and libgomp
// reads how long it may spin only when it is loaded. So the process starts itself once more with a
// bound, unless the user has set a policy; where that fails it just goes on.
void bound_spinning(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY") || std::getenv("KMP_BLOCKTIME"))
    return;
  setenv("GOMP_SPINCOUNT", "10000", 0);
  setenv("KMP_BLOCKTIME", "0", 0);
  execv("/proc/self/exe", argv);
}

}  // namespace

int main(int argc, char** argv) {
  bound_spinning(argv);
  retort::tools::install_signal_handlers();
  try {
    CLI::App app("Retort: fine-tune, distil and compare transformer classifiers.\n"
                 "Model directories are Hugging Face's; layers count from 1.",
                 "retort");
    app.set_version_flag("--version", "retort 0.1.0");
    app.require_subcommand(1);
    retort::tools::Action action;
    retort::tools::add_init(app, action);
    retort::tools::add_student(app, action);
    retort::tools::add_train(app, action, argc, argv);
    retort::tools::add_distill(app, action, argc, argv);
    retort::tools::add_eval(app, action);
    retort::tools::add_predict(app, action);
    retort::tools::add_generate(app, action);
    retort::tools::add_outputs(app, action);
    retort::tools::add_compare(app, action);
    retort::tools::add_inspect(app, action);
    retort::tools::add_data(app, action);
    retort::tools::add_tokenize(app, action);
    retort::tools::add_detokenize(app, action);
    retort::tools::add_train_tokenizer(app, action);
    retort::tools::add_bench(app, action);
    retort::tools::add_bench_model(app, action);
    retort::tools::add_bench_tokenizer(app, action);
    check_command(app, argc, argv);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
      return complain(error.what() + std::string("; see retort --help"), 2);
    }
    return action();
  } catch (const std::exception& error) {
    return complain(error.what(), 1);
  }
}
