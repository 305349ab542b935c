// Several models on one table: what the report is made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "distill/data/table.h"
#include "distill/report/report.h"

namespace retort {

struct CompareOptions {
  std::vector<std::string> directories;  ///< teacher, student, and optionally a baseline
  std::string data;
  TableOptions table;
  std::int64_t batch_size = 16;          ///< of the timed batches
  std::optional<Table> samples;          ///< unset: a few rows of `data`
};

/// Evaluates and times every model (taking turns), predicts the samples, and reads the log.jsonl and
/// recipe.json that training left in the directories. Errors: models with other label orders.
Report compare_models(const CompareOptions& options, std::vector<std::string>& warnings);

}  // namespace retort
