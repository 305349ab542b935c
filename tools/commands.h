// The commands of the retort binary. Each adds its flags to the application and leaves behind what to
// do; main.cpp runs it after parsing.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace retort::tools {

/// What the chosen command does; its result is the exit status.
using Action = std::function<int()>;

void add_init(CLI::App& app, Action& action);
void add_student(CLI::App& app, Action& action);
void add_train(CLI::App& app, Action& action, int argc, char** argv);
void add_distill(CLI::App& app, Action& action, int argc, char** argv);
void add_eval(CLI::App& app, Action& action);
void add_predict(CLI::App& app, Action& action);
void add_generate(CLI::App& app, Action& action);
void add_outputs(CLI::App& app, Action& action);
void add_compare(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_detokenize(CLI::App& app, Action& action);
void add_train_tokenizer(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
/// Below "bench", which it adds when it is not there.
void add_bench_model(CLI::App& app, Action& action);
void add_bench_tokenizer(CLI::App& app, Action& action);

}  // namespace retort::tools
