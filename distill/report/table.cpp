// The comparison as figures: changes, the table for a terminal, the object for --json.
#include <algorithm>
#include <cmath>

#include "distill/report/changes.h"
#include "distill/report/report.h"
#include "distill/report/text.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

// "Micro F1" as a key: micro_f1.
std::string key_of(const std::string& name) {
  std::string key = lower_case(name);
  std::replace(key.begin(), key.end(), ' ', '_');
  return key;
}

}  // namespace

double parameter_reduction_percent(std::int64_t teacher, std::int64_t student) {
  check(teacher > 0 && student >= 0,
        "parameter reduction: expected a teacher with parameters, found ", teacher, " against ",
        student);
  return 100.0 * (1.0 - static_cast<double>(student) / static_cast<double>(teacher));
}

Changes changes_of(const Report& report) {
  Changes changes;
  if (report.models.size() < 2) return changes;
  const ModelSummary& teacher = report.models[0];
  const ModelSummary& student = report.models[1];
  if (teacher.parameters > 0 && student.parameters > 0)
    changes.parameter_reduction = parameter_reduction_percent(teacher.parameters, student.parameters);
  if (teacher.ms_per_batch > 0 && student.ms_per_batch > 0)
    changes.speedup = teacher.ms_per_batch / student.ms_per_batch;
  changes.accuracy_points = 100 * (student.accuracy - teacher.accuracy);
  changes.f1_points = 100 * (student.f1 - teacher.f1);
  if (report.models.size() < 3) return changes;
  changes.accuracy_over_baseline = 100 * (student.accuracy - report.models[2].accuracy);
  changes.f1_over_baseline = 100 * (student.f1 - report.models[2].f1);
  return changes;
}

std::string compare_table(const Report& report) {
  std::vector<std::vector<std::string>> rows{{"model", "parameters",
                                              lower_case(report.scores.accuracy), report.scores.f1,
                                              "ms per batch"}};
  for (const ModelSummary& model : report.models)
    rows.push_back({clean_utf8(model.name),
                    model.parameters > 0 ? format_count(static_cast<double>(model.parameters)) : "\u2013",
                    format_fixed(100 * model.accuracy, 1), format_fixed(100 * model.f1, 1),
                    format_short(model.ms_per_batch)});
  std::vector<int> widths(rows[0].size(), 0);
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c)
      widths[c] = std::max(widths[c], display_width(row[c]));

  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < rows[r].size(); ++c) {
      const auto air = static_cast<std::size_t>(widths[c] - display_width(rows[r][c]));
      if (c == 0)
        out.append(rows[r][c]).append(air, ' ');
      else
        out.append(air + 3, ' ').append(rows[r][c]);
    }
    out += '\n';
  }
  return out;
}

Json compare_json(const Report& report) {
  const auto number = [](double value) { return std::isfinite(value) ? Json(value) : Json(); };
  const std::string accuracy = key_of(report.scores.accuracy), f1 = key_of(report.scores.f1);
  Json models = Json::Array{};
  for (const ModelSummary& model : report.models) {
    Json entry;
    entry["name"] = model.name;
    entry["directory"] = model.directory;
    entry["description"] = model.description;
    entry["parameters"] = model.parameters;
    entry["megabytes"] = number(model.megabytes);
    entry["examples"] = model.examples;
    entry[accuracy] = number(model.accuracy);
    entry[f1] = number(model.f1);
    entry["loss"] = number(model.loss);
    entry["ms_per_batch"] = number(model.ms_per_batch);
    models.push_back(std::move(entry));
  }
  const Changes changes = changes_of(report);
  Json out;
  out["data"] = report.data;
  out["cpu"] = report.cpu;
  out["threads"] = report.threads;
  out["models"] = std::move(models);
  out["parameter_reduction_percent"] = number(changes.parameter_reduction);
  out["speedup"] = number(changes.speedup);
  out[accuracy + "_change_points"] = number(changes.accuracy_points);
  out[f1 + "_change_points"] = number(changes.f1_points);
  out[accuracy + "_over_baseline_points"] = number(changes.accuracy_over_baseline);
  out[f1 + "_over_baseline_points"] = number(changes.f1_over_baseline);
  return out;
}

}  // namespace retort
