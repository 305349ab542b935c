// retort train and retort distill: flags make a recipe, the recipe makes a run.
#include <cstdio>
#include <cstring>
#include <optional>

#include "distill/evaluate.h"
#include "distill/run.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tools/arguments.h"
#include "tools/commands.h"
#include "tools/progress.h"
#include "tools/signals.h"

namespace retort::tools {
namespace {

// The value of a flag that must be known before the others are given their defaults.
std::optional<std::string> early_flag(int argc, char** argv, const std::string& flag) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == flag && i + 1 < argc) return argv[i + 1];
    if (argument.starts_with(flag + "=")) return argument.substr(flag.size() + 1);
  }
  return std::nullopt;
}

std::string formatted(const char* format, const char* name, double value) {
  char text[80];
  std::snprintf(text, sizeof text, format, name, value);
  return text;
}

std::string epoch_line(const EpochReport& epoch, Problem problem) {
  const MetricNames names = metric_names(problem);
  std::string text = "epoch " + std::to_string(epoch.epoch) +
                     formatted(": %s %.4f", "train loss", epoch.train_loss);
  if (problem != Problem::regression)
    text += formatted(", %s %.4f", names.first, epoch.train_accuracy);
  if (!epoch.has_dev) return text;
  return text + formatted("; %s %.4f", "dev loss", epoch.loss) +
         formatted(", %s %.4f", names.first, epoch.accuracy) +
         formatted(", %s %.4f", names.second, epoch.f1) + (epoch.best ? " (kept)" : "");
}

struct Training {
  Recipe recipe;
  std::string recipe_file, preset;
  RunOptions options;
  std::optional<double> alpha, temperature;
  bool quiet = false;

  // A recipe file gives the defaults that flags then override.
  void load_defaults(const std::string& command, int argc, char** argv) {
    recipe.command = command;
    if (argc < 2 || command != argv[1]) return;
    if (const auto file = early_flag(argc, argv, "--recipe")) {
      recipe = Recipe::parse(Json::parse_file(*file), *file);
      check(recipe.command == command, *file, ": is a recipe for retort ", recipe.command, ", not for retort ", command);
    }
    if (const auto name = early_flag(argc, argv, "--preset")) {
      check(*name == "notebook", "--preset: expected notebook, found '", *name, "'");
      recipe.apply_notebook_preset();
    }
  }

  void add_flags(CLI::App& command) {
    command.add_option("--data", recipe.data, "Training table (.tsv, .csv, .jsonl)")->capture_default_str();
    command.add_option("--dev", recipe.dev, "Table to choose the best epoch by")->capture_default_str();
    command.add_option("--out", recipe.out, "Directory for the result, log and checkpoints")->capture_default_str();
    command.add_option("--lr", recipe.lr, "Peak learning rate (default 2e-5; 5e-4 for a model initialised at random)");
    command.add_option("--batch-size", recipe.batch_size, "Examples per step")->capture_default_str();
    command.add_option("--micro-batch-size", recipe.micro_batch_size,
                       "Split each step to save memory; 0: don't")->capture_default_str();
    command.add_option("--epochs", recipe.epochs, "Times through the data")->capture_default_str();
    command.add_option("--seed", recipe.seed, "Seed of shuffles, dropout and fresh weights")->capture_default_str();
    command.add_option("--warmup", recipe.warmup, "Part of the steps in which the rate rises")->capture_default_str();
    command.add_option("--schedule", recipe.schedule, "linear (to 0) or constant")->capture_default_str();
    command.add_option("--weight-decay", recipe.weight_decay, "AdamW's, not on biases and norms")->capture_default_str();
    command.add_option("--clip", recipe.clip, "Limit of the gradient's norm; 0: none")->capture_default_str();
    command.add_option("--dropout", recipe.dropout, "Every dropout probability (default: as in the config)");
    command.add_option("--max-length", recipe.max_length,
                       "Tokens per example (default: as the directory was trained, else 128)");
    command.add_option("--pair-style", recipe.pair_style,
                       "segments, or joined: \"a [SEP] b\" as one text (default: the directory's)");
    command.add_option("--preset", preset, "notebook: constant rate, no clipping, AdamW at torch's defaults");
    add_head_flags(command, recipe.head);
    add_table_flags(command, recipe.table, "training rows");
    command.add_option("--checkpoint-every", recipe.checkpoint_every,
                       "Steps between checkpoints; 0: at the ends of epochs only")->capture_default_str();
    command.add_flag("--resume", options.resume, "Go on from the newest checkpoint in --out");
    command.add_flag("--overwrite", options.overwrite, "Start again in an --out that holds files");
    command.add_option("--recipe", recipe_file, "recipe.json whose values are the defaults");
    command.add_flag("--quiet", quiet, "Print neither recipe nor progress");
    add_threads(command, recipe.threads);
  }

  int run() {
    apply_threads(recipe.threads);
    std::unique_ptr<Progress> progress;
    double loss = 0, score = 0, tokens = 0, seconds = 0;
    std::int64_t examples = 0, shown_epoch = 0;
    const auto line = [&](const std::string& text) {
      if (quiet) return;
      if (progress) progress->message(text);
      else std::fprintf(stderr, "%s\n", text.c_str());
    };
    RunCallbacks callbacks;
    callbacks.message = line;
    Problem problem = Problem::single_label;
    callbacks.start = [&](const Recipe& effective) {
      problem = parse_problem(effective.problem);
      line("recipe: " + effective.to_json().dump(2));
      if (!quiet) progress = std::make_unique<Progress>(effective.command);
    };
    callbacks.step = [&](const StepReport& step) {
      if (!progress) return;
      if (step.epoch != shown_epoch) {  // means over the epoch so far
        shown_epoch = step.epoch;
        loss = score = 0;
        examples = 0;
      }
      ++examples;
      loss += step.loss;
      score += step.accuracy;
      tokens = 0.95 * tokens + static_cast<double>(step.tokens);
      seconds = 0.95 * seconds + step.seconds;
      const auto count = static_cast<double>(examples);
      progress->update({.epoch = static_cast<int>(step.epoch),
                        .epochs = static_cast<int>(step.epochs),
                        .step = step.step,
                        .steps = step.steps,
                        .loss = loss / count,
                        .score = score / count,
                        .score_name = metric_names(problem).first,
                        .tokens_per_second = tokens / seconds});
    };
    callbacks.epoch = [&](const EpochReport& epoch) { line(epoch_line(epoch, problem)); };
    callbacks.should_stop = interrupted;
    const RunSummary summary = run_recipe(recipe, options, callbacks);
    if (progress) progress->finish();
    if (summary.result == TrainerResult::interrupted) {
      std::fprintf(stderr, "retort: interrupted at step %lld of %lld; run the same command with --resume to go on\n",
                   static_cast<long long>(summary.step), static_cast<long long>(summary.steps));
      return kInterruptedStatus;
    }
    if (summary.result == TrainerResult::already_finished) {
      line(recipe.out + ": the run is finished already, nothing was changed");
      return 0;
    }
    print(recipe.out + "\n");
    return 0;
  }
};

}  // namespace

void add_train(CLI::App& app, Action& action, int argc, char** argv) {
  static Training training;
  training.load_defaults("train", argc, argv);
  training.recipe.objective = Objective::labels_only();
  CLI::App* command = app.add_subcommand("train", "Fine-tune a classifier on labels (the teacher)");
  command->add_option("--model", training.recipe.model, "Model directory to start from")->capture_default_str();
  add_rename(*command, training.recipe.rename);
  command->add_option(
      "--problem", training.recipe.problem,
      "What a row's label is: single-label, multi-label, regression (default: as the "
      "directory says; multi-label with --label-columns)");
  command
      ->add_option(
          "--labels", training.recipe.labels,
          "Names of the labels by id: a,b,c (default: the directory's, or those in the data)")
      ->delimiter(',');
  training.add_flags(*command);
  command->callback([&action] {
    action = [] {
      check(!training.recipe.model.empty(), "--model: expected a model directory, found nothing");
      return training.run();
    };
  });
}

void add_distill(CLI::App& app, Action& action, int argc, char** argv) {
  static Training training;
  training.load_defaults("distill", argc, argv);
  Recipe& recipe = training.recipe;
  CLI::App* command = app.add_subcommand("distill", "Train a student with a teacher");
  command->add_option("--teacher", recipe.teacher, "Directory of a trained classifier")->capture_default_str();
  add_rename(*command, recipe.rename, "teacher");
  CLI::Option* student = command->add_option("--student", recipe.student, "Model directory to start from")->capture_default_str();
  CLI::Option* layers =
      command->add_option("--student-layers", recipe.student_layers,
                          "Cut the student from these of the teacher's layers, counted from 1")->delimiter(',');
  command->add_option("--student-type", recipe.student_type, "Of a cut student: distilbert, or same")
      ->capture_default_str();
  command->add_option("--student-head", recipe.student_head, "Of a cut student: copy, or fresh")
      ->capture_default_str();
  command->add_option("--alpha", training.alpha,
                      "Weight of the teacher, 1 - alpha that of the labels; 0: labels alone (default 0.7)");
  command->add_option("--temperature", training.temperature, "Softens both distributions (default 3)");
  training.add_flags(*command);
  command->callback([&action, student, layers] {
    // One of the two flags takes the place of what a recipe file has for the other.
    if (student->count() > 0 && layers->count() == 0) training.recipe.student_layers.clear();
    if (layers->count() > 0 && student->count() == 0) training.recipe.student.clear();
    action = [] {
      Recipe& run = training.recipe;
      check(run.student.empty() != run.student_layers.empty(),
            "distill: expected either --student DIR or --student-layers, found ",
            run.student.empty() ? "neither" : "both");
      if (run.objective.terms().empty() || training.alpha || training.temperature) {
        // What the recipe file said stays where no flag says otherwise.
        double alpha = 0.7, temperature = 3;
        bool from_recipe = false;
        for (const Term& term : run.objective.terms())
          if (term.match == "logits") {
            alpha = term.weight;
            temperature = term.temperature;
            from_recipe = true;
          }
        if (!from_recipe && !run.objective.terms().empty()) alpha = 0;
        run.objective = Objective::distillation(training.alpha.value_or(alpha),
                                                training.temperature.value_or(temperature));
      }
      return training.run();
    };
  });
}

}  // namespace retort::tools
