// A run from its recipe: reads data and models, trains, keeps the best model in the output directory.
#pragma once

#include <functional>
#include <string>

#include "distill/recipe.h"
#include "distill/trainer.h"

namespace retort {

struct RunCallbacks {
  std::function<void(const std::string& line)> message;  ///< what a user should read
  std::function<void(const Recipe& effective)> start;    ///< once, before the first step
  std::function<void(const StepReport&)> step;
  std::function<void(const EpochReport&)> epoch;
  std::function<bool()> should_stop;
};

struct RunOptions {
  bool resume = false;
  bool overwrite = false;
};

struct RunSummary {
  TrainerResult result = TrainerResult::finished;
  std::int64_t step = 0, steps = 0;
  std::vector<EpochReport> epochs;
};

/// Fine-tunes (`train`) or distils (`distill`). Completes the recipe (what was unset) and saves it as
/// OUT/recipe.json. OUT then holds the best epoch's model directory, log.jsonl and checkpoints/.
/// Errors: an OUT that holds files without resume or overwrite; a resume whose recipe differs in
/// anything but threads, logging and paths (names the key); teacher and student with other
/// vocabularies or label orders; and those of reading files.
RunSummary run_recipe(Recipe recipe, const RunOptions& options, const RunCallbacks& callbacks);

}  // namespace retort
