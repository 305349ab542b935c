// A recipe: everything that decides what a run gives. Printed at its start, saved as recipe.json in
// its output directory, and enough to run it again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "distill/data/table.h"
#include "distill/objective/objective.h"
#include "nn/own_head.h"

namespace retort {

struct Recipe {
  std::string command;  ///< "train" or "distill"

  // Paths.
  std::string teacher;  ///< distill
  std::string student;  ///< distill: a model directory; empty when cut from the teacher
  std::string model;    ///< train
  std::string data, dev, out;
  std::vector<std::string> rename;  ///< FROM=TO, for the weights of `model` or `teacher` (see Renames)

  // The student, when cut.
  std::vector<int> student_layers;
  std::string student_type = "distilbert";
  std::string student_head = "copy";

  // The classifier, where it isn't the one that the directory has.
  std::string problem;  ///< single-label, multi-label, regression; empty: the directory's
  std::vector<std::string> labels;  ///< names by id; empty: the directory's, else those in the data
  HeadOptions head;

  // Reading the data.
  TableFlags table;                       ///< limit and rows apply to `data` alone
  std::optional<int> max_length;          ///< unset: what the directory was trained with, else 128
  std::optional<std::string> pair_style;  ///< unset: the directory's

  Objective objective;

  std::optional<double> lr;  ///< unset: 2e-5, or 5e-4 for a model initialised at random
  std::string schedule = "linear";
  double warmup = 0.1;
  double weight_decay = 0.01;
  bool decay_all = false;  ///< decay biases and norms too
  double clip = 1.0;       ///< 0: no clipping
  std::int64_t batch_size = 16;
  std::int64_t micro_batch_size = 0;  ///< 0: the whole batch at once
  std::int64_t epochs = 3;
  std::uint64_t seed = 42;
  std::optional<double> dropout;  ///< unset: as in the config

  // What changes no result.
  std::int64_t checkpoint_every = 500;
  int threads = 0;  ///< 0: as many as the process may use

  /// The table's options for a problem; `training`: limit and rows apply.
  TableOptions table_options(Problem of, bool training) const;
  /// Constant rate without warm-up, no clipping, AdamW at torch's defaults (decay 0.01 on everything).
  void apply_notebook_preset();
  /// Errors: numbers out of range, names that don't exist.
  void check_values() const;

  Json to_json() const;
  /// Errors name the file and the key: an unknown key, a value of the wrong kind.
  static Recipe parse(const Json& json, const std::string& file);
  /// The first key in which the two would give another result (threads, logging and paths don't
  /// count), with both values; empty when there is none.
  std::string difference(const Recipe& other) const;
};

}  // namespace retort
