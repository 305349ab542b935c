#include "distill/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>

#include "distill/checkpoint.h"
#include "distill/evaluate.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {
namespace {

constexpr double kAbsentTerm = std::numeric_limits<double>::quiet_NaN();

std::string hexadecimal(std::uint64_t value) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "%016llx", static_cast<unsigned long long>(value));
  return buffer;
}

Json to_json(const EpochReport& epoch) {
  Json json;
  json["epoch"] = epoch.epoch;
  json["train_loss"] = epoch.train_loss;
  json["train_accuracy"] = epoch.train_accuracy;
  if (epoch.has_dev) {
    json["accuracy"] = epoch.accuracy;
    json["f1"] = epoch.f1;
    json["loss"] = epoch.loss;
  }
  json["best"] = epoch.best;
  return json;
}

EpochReport epoch_from_json(const Json& json) {
  EpochReport epoch;
  epoch.epoch = json.get("epoch", 0);
  epoch.train_loss = json.get("train_loss", 0.0);
  epoch.train_accuracy = json.get("train_accuracy", 0.0);
  epoch.has_dev = json.find("accuracy") != nullptr;
  epoch.accuracy = json.get("accuracy", 0.0);
  epoch.f1 = json.get("f1", 0.0);
  epoch.loss = json.get("loss", 0.0);
  epoch.best = json.get("best", false);
  return epoch;
}

}  // namespace

Trainer::Trainer(Model& model, Teacher* teacher, const Examples& train, const Examples* dev,
                 TrainerOptions options, TrainerCallbacks callbacks)
    : model_(model),
      problem_(model.config().problem),
      teacher_(teacher),
      train_(train),
      dev_(dev),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      optimizer_(model.parameters(), options_.adamw),
      steps_per_epoch_((train.count() + options_.batch_size - 1) / options_.batch_size),
      total_(steps_per_epoch_ * options_.epochs),
      data_digest_(train.digest()),
      teacher_digest_(teacher ? teacher->digest() : 0) {
  check(train.count() > 0, "train: there are no examples");
  options_.schedule.total = total_;
}

// "better" by accuracy, then F1, then the earlier epoch; a regression by its loss.
bool Trainer::better(const EpochReport& a, const EpochReport& b) const {
  if (problem_ == Problem::regression) return a.loss < b.loss;
  return a.accuracy != b.accuracy ? a.accuracy > b.accuracy : a.f1 > b.f1;
}

// Of a regression none.
std::int64_t Trainer::count_right(const Tensor& logits, std::span<const std::int64_t> rows) const {
  if (problem_ == Problem::regression) return 0;
  const auto values = logits.to_vector<float>();
  const std::int64_t classes = logits.size(1);
  std::int64_t right = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float* row = values.data() + static_cast<std::int64_t>(i) * classes;
    if (problem_ == Problem::single_label) {
      right += predicted_label(row, classes) == train_.labels[static_cast<std::size_t>(rows[i])];
      continue;
    }
    const std::vector<bool> predicted = predicted_set(row, classes);
    const float* targets = train_.targets.data() + rows[i] * classes;
    right += std::equal(predicted.begin(), predicted.end(), targets,
                        [](bool is, float target) { return is == (target > 0.5f); });
  }
  return right;
}

StepReport Trainer::train_step(std::span<const std::int64_t> rows, std::int64_t epoch) {
  const auto start = std::chrono::steady_clock::now();
  const auto count = static_cast<std::int64_t>(rows.size());
  const std::int64_t micro = options_.micro_batch_size > 0 ? options_.micro_batch_size : count;
  Context context{.training = true, .seed = options_.seed, .step = static_cast<std::uint32_t>(step_)};
  std::vector<double> values(options_.objective.terms().size());
  double loss = 0;
  std::int64_t correct = 0, tokens = 0, targets = 0;
  for (std::int64_t begin = 0; begin < count; begin += micro) {
    const auto part = rows.subspan(static_cast<std::size_t>(begin),
                                   static_cast<std::size_t>(std::min(micro, count - begin)));
    const Batch batch = train_.batch(part, model_.limits());
    context.first_token = static_cast<std::uint32_t>(tokens);
    context.first_target = static_cast<std::uint32_t>(targets);
    context.first_sequence = static_cast<std::uint32_t>(begin);
    const Output output = model_.forward(batch, {}, context);
    const bool single = problem_ == Problem::single_label;
    const Variable part_loss =
        options_.objective.evaluate({.student = output,
                                     .teacher_logits = teacher_ ? teacher_->logits(part) : Tensor(),
                                     .labels = single ? train_.batch_labels(part) : Tensor(),
                                     .targets = single ? Tensor() : train_.batch_targets(part),
                                     .factor = 1 / static_cast<double>(count)},
                                    values);
    loss += part_loss.item();
    correct += count_right(output.logits.value(), part);
    tokens += batch.tokens();
    if (batch.target) targets += batch.target->tokens();
    backward(part_loss);
  }
  StepReport report{.step = step_ + 1,
                    .steps = total_,
                    .epoch = epoch + 1,
                    .epochs = options_.epochs,
                    .loss = loss,
                    .soft = kAbsentTerm,
                    .hard = kAbsentTerm,
                    .accuracy = problem_ == Problem::regression
                                    ? kAbsentTerm
                                    : static_cast<double>(correct) / static_cast<double>(count),
                    .learning_rate = options_.schedule.rate(step_),
                    .tokens = tokens};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Term& term = options_.objective.terms()[i];
    check(std::isfinite(values[i]), "step ", step_ + 1, ": the ", term.match, " loss isn't finite (",
          values[i], "); try a lower --lr; the last checkpoint is kept");
    if (term.match == "logits") report.soft = values[i];
    if (term.match == "labels") report.hard = values[i];
  }
  report.gradient_norm = optimizer_.gradient_norm();
  check(std::isfinite(report.gradient_norm), "step ", step_ + 1, ": the gradient isn't finite; try a lower --lr; the last checkpoint is kept");
  optimizer_.step(report.learning_rate, clip_factor(report.gradient_norm, options_.clip));
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  report.seconds = taken.count();
  epoch_loss_ += loss * static_cast<double>(count);
  epoch_correct_ += static_cast<double>(correct);
  epoch_examples_ += count;
  ++step_;
  return report;
}

void Trainer::write_log(const StepReport& report) {
  Json json;
  json["step"] = report.step;
  json["epoch"] = report.epoch;
  json["loss"] = report.loss;
  json["soft"] = report.soft;
  json["hard"] = report.hard;
  json["accuracy"] = report.accuracy;
  json["lr"] = report.learning_rate;
  json["grad_norm"] = report.gradient_norm;
  json["tokens"] = report.tokens;
  json["seconds"] = report.seconds;
  const std::string line = json.dump(0, 9) + "\n";
  std::ofstream log(log_path(), std::ios::binary | std::ios::app);
  log << line;
  log.close();
  check(!log.fail(), log_path().string(), ": can't be written; is the disk full?");
  log_bytes_ += line.size();
}

void Trainer::finish_epoch(std::int64_t epoch) {
  EpochReport report{.epoch = epoch + 1,
                     .train_loss = epoch_loss_ / static_cast<double>(epoch_examples_),
                     .train_accuracy = problem_ == Problem::regression
                                           ? kAbsentTerm
                                           : epoch_correct_ / static_cast<double>(epoch_examples_)};
  epoch_loss_ = epoch_correct_ = 0;
  epoch_examples_ = 0;
  report.best = true;
  if (dev_) {
    const std::int64_t labels = model_.config().num_labels();
    const Evaluation evaluation = [&] {
      try {
        return evaluate(problem_, predict_logits(model_, *dev_), *dev_, labels);
      } catch (const Error& error) {
        fail("step ", step_, ", dev: ", error.what(), "; try a lower --lr; the last checkpoint is kept");
      }
    }();
    report.has_dev = true;
    report.accuracy = evaluation.metrics[0].value;
    report.f1 = evaluation.metrics[1].value;
    report.loss = evaluation.loss;
    for (const EpochReport& earlier : epochs_) report.best = report.best && better(report, earlier);
  }
  if (report.best)
    for (EpochReport& earlier : epochs_) earlier.best = false;
  epochs_.push_back(report);
  if (report.best && callbacks_.keep) callbacks_.keep(model_);
  if (callbacks_.epoch) callbacks_.epoch(report);
}

void Trainer::save() {
  Json state;
  state["log_bytes"] = static_cast<std::int64_t>(log_bytes_);
  state["data"] = hexadecimal(data_digest_);
  state["teacher"] = hexadecimal(teacher_digest_);
  state["epoch_loss"] = epoch_loss_;
  state["epoch_correct"] = epoch_correct_;
  state["epoch_examples"] = epoch_examples_;
  Json list = Json::Array{};
  for (const EpochReport& epoch : epochs_) list.push_back(to_json(epoch));
  state["epochs"] = list;
  save_checkpoint(options_.out, step_, model_, optimizer_, state);
}

void Trainer::restore(const Json& state, const std::string& where) {
  check(state.get("data", "") == hexadecimal(data_digest_), where,
        ": belongs to other training data; resume with the same file, columns, tokenizer and labels");
  check(state.get("teacher", "") == hexadecimal(teacher_digest_), where,
        ": was distilled from another teacher; resume with the same one");
  step_ = state.get("step", 0);
  check(step_ >= 0 && step_ <= total_, where, ": step ", step_, " lies beyond the run's ", total_);
  log_bytes_ = static_cast<std::uint64_t>(state.get("log_bytes", 0));
  epoch_loss_ = state.get("epoch_loss", 0.0);
  epoch_correct_ = state.get("epoch_correct", 0.0);
  epoch_examples_ = state.get("epoch_examples", 0);
  if (const Json* list = state.find("epochs"))
    for (const Json& epoch : list->as_array(where)) epochs_.push_back(epoch_from_json(epoch));
}

TrainerResult Trainer::run(bool resume) {
  if (const auto checkpoint = newest_checkpoint(options_.out); resume && checkpoint) {
    restore(load_checkpoint(*checkpoint, model_, optimizer_), checkpoint->path.string());
    if (step_ == total_) return TrainerResult::already_finished;
  }
  // Lines that a killed run wrote after its last checkpoint are written again.
  std::error_code none;
  if (!std::filesystem::exists(log_path(), none)) std::ofstream(log_path(), std::ios::binary);
  const std::uintmax_t logged = std::filesystem::file_size(log_path());
  check(logged >= log_bytes_, log_path().string(), ": has ", logged, " bytes, the checkpoint knows of ",
        log_bytes_, "; bring the log back, or start again with --overwrite");
  std::filesystem::resize_file(log_path(), log_bytes_);

  std::vector<std::int64_t> rows;
  std::int64_t rows_epoch = -1;
  while (step_ < total_) {
    const std::int64_t epoch = step_ / steps_per_epoch_;
    if (epoch != rows_epoch) {
      rows = shuffled_rows(train_.count(), options_.seed, epoch);
      rows_epoch = epoch;
    }
    const std::int64_t begin = step_ % steps_per_epoch_ * options_.batch_size;
    const std::int64_t end = std::min(begin + options_.batch_size, train_.count());
    const StepReport report = train_step(
        std::span(rows).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
        epoch);
    write_log(report);
    if (callbacks_.step) callbacks_.step(report);
    const bool stop = callbacks_.should_stop && callbacks_.should_stop();
    const bool epoch_done = step_ % steps_per_epoch_ == 0;
    if (epoch_done) finish_epoch(epoch);
    if (epoch_done || stop || (options_.checkpoint_every > 0 && step_ % options_.checkpoint_every == 0))
      save();
    if (stop && step_ < total_) return TrainerResult::interrupted;
  }
  return TrainerResult::finished;
}

}  // namespace retort
