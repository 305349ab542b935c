// The training loop: steps, epochs, evaluation, log, checkpoints. It knows models and examples; where
// they come from is run.cpp's business.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "distill/examples.h"
#include "distill/objective/objective.h"
#include "distill/teacher.h"
#include "nn/model.h"
#include "nn/optimizer.h"

namespace retort {

struct TrainerOptions {
  Objective objective;
  AdamwOptions adamw;
  Schedule schedule;  ///< total is filled in
  double clip = 1;
  std::int64_t batch_size = 16;
  std::int64_t micro_batch_size = 0;  ///< 0: the whole batch
  std::int64_t epochs = 3;
  std::uint64_t seed = 42;
  std::int64_t checkpoint_every = 500;  ///< 0: at the ends of epochs only
  std::filesystem::path out;            ///< log and checkpoints go here
};

/// One optimiser step, as logged. Means over the step's examples; absent terms are NaN, and so is
/// the accuracy (of label sets: the exact match) of a regression.
struct StepReport {
  std::int64_t step = 0, steps = 0;  ///< step counts from 1
  std::int64_t epoch = 0, epochs = 0;
  double loss = 0, soft = 0, hard = 0, accuracy = 0;
  double learning_rate = 0, gradient_norm = 0;
  std::int64_t tokens = 0;
  double seconds = 0;
};

/// `accuracy` and `f1` are the first two metrics of an Evaluation: for label sets exact match and
/// micro F1, for a regression the correlations of Pearson and Spearman.
struct EpochReport {
  std::int64_t epoch = 0;
  double train_loss = 0, train_accuracy = 0;
  bool has_dev = false;
  double accuracy = 0, f1 = 0, loss = 0;
  bool best = false;
};

struct TrainerCallbacks {
  std::function<void(const StepReport&)> step;
  std::function<void(const EpochReport&)> epoch;
  std::function<bool()> should_stop;         ///< asked after every step
  std::function<void(const Model&)> keep;    ///< called with the model of the best epoch so far
};

enum class TrainerResult { finished, already_finished, interrupted };

class Trainer {
 public:
  /// teacher: null when the objective needs none. dev: null without a dev set.
  Trainer(Model& model, Teacher* teacher, const Examples& train, const Examples* dev,
          TrainerOptions options, TrainerCallbacks callbacks);

  /// Runs to the end, or until should_stop. With `resume`, from the newest checkpoint if there is one.
  /// Errors: a loss or gradient that isn't finite (names step and term; the last checkpoint stays), a
  /// checkpoint of other data or of another teacher.
  TrainerResult run(bool resume);

  std::int64_t total_steps() const { return total_; }
  std::int64_t step() const { return step_; }
  const std::vector<EpochReport>& epochs() const { return epochs_; }

 private:
  std::int64_t count_right(const Tensor& logits, std::span<const std::int64_t> rows) const;
  bool better(const EpochReport& a, const EpochReport& b) const;
  StepReport train_step(std::span<const std::int64_t> rows, std::int64_t epoch);
  void finish_epoch(std::int64_t epoch);
  void save();
  void restore(const Json& state, const std::string& where);
  void write_log(const StepReport& report);
  std::filesystem::path log_path() const { return options_.out / "log.jsonl"; }

  Model& model_;
  Problem problem_;
  Teacher* teacher_;
  const Examples& train_;
  const Examples* dev_;
  TrainerOptions options_;
  TrainerCallbacks callbacks_;
  Adamw optimizer_;
  std::int64_t steps_per_epoch_;
  std::int64_t total_;
  std::int64_t step_ = 0;
  std::uint64_t log_bytes_ = 0;
  std::uint64_t data_digest_, teacher_digest_;
  // Sums over the epoch so far.
  double epoch_loss_ = 0, epoch_correct_ = 0;
  std::int64_t epoch_examples_ = 0;
  std::vector<EpochReport> epochs_;
};

}  // namespace retort
