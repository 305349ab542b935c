// The report of a distillation: plain figures in, one HTML file (or a table, or JSON) out.
//
// Knows no tensors, no models and no files: whoever has trained or compared models fills a Report.
// Anything may be missing (no baseline, no curve, NaN, one point only); what is missing is left out.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tensor/base/json.h"

namespace retort {

constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

/// One logged optimiser step. `soft` (against the teacher) and `hard` (against the labels): NaN when
/// the run has no such term.
struct CurvePoint {
  std::int64_t step = 0;
  double loss = kAbsent, soft = kAbsent, hard = kAbsent;
};

/// What the dev set gave after `epoch` epochs; accuracy and f1 lie in [0, 1].
struct EpochScore {
  double epoch = 0, accuracy = kAbsent, f1 = kAbsent;
};

struct ModelSummary {
  std::string name;         // "teacher", "student, distilled", "student, labels only"
  std::string directory;    // where it lies; may be empty
  std::string description;  // "bert 6 x 384"
  std::int64_t parameters = 0;
  double megabytes = kAbsent;  // 10^6 bytes of weights on disk
  double accuracy = kAbsent, f1 = kAbsent, loss = kAbsent;
  double ms_per_batch = kAbsent;
  std::int64_t examples = 0;  // that accuracy, f1 and loss were measured on
  std::vector<CurvePoint> curve;
  std::vector<EpochScore> epochs;
};

/// One text (or pair of texts) and what every model says about it.
struct SamplePrediction {
  std::string text, pair;  // pair: empty for single texts
  std::string gold;        // its label, empty when unknown
  struct By {
    std::string label;
    double confidence = kAbsent;  // the label's probability, in [0, 1]
  };
  std::vector<By> by;  // one per model, in the order of Report::models
};

/// Logits whose softening is drawn beside the classic example's.
struct SoftenedExample {
  std::string name;
  std::vector<double> logits;
};

/// What ModelSummary's accuracy and f1 are, where they aren't that.
struct ScoreNames {
  std::string accuracy = "Accuracy", f1 = "F1";
  bool shares = true;  ///< the first is a share of examples, whose error can be estimated
};

struct Report {
  std::string title, created, data, cpu;
  int threads = 0;
  ScoreNames scores;
  std::vector<ModelSummary> models;  // [0] teacher, [1] student, [2] the optional baseline
  std::vector<SamplePrediction> samples;
  std::vector<SoftenedExample> softened;            // empty: the classic [2, 1, 0.5] alone
  std::vector<std::vector<double>> teacher_logits;  // one row per example; the mean entropy is drawn
  std::vector<double> temperatures;                 // to mark; empty: 1, 3, 5, 10
  double temperature = kAbsent;                     // the run's own
  std::string recipe_json;
  std::vector<std::string> notes;
};

/// One HTML file: inline CSS and SVG, no scripts, nothing fetched. All texts are escaped.
std::string render_report(const Report& report);

/// 100 * (1 - student / teacher). BERT-base (109.48 M) to DistilBERT (66.96 M): 38.8.
/// Errors: a teacher without parameters.
double parameter_reduction_percent(std::int64_t teacher, std::int64_t student);

/// Rows for a terminal: model, parameters, accuracy, F1, ms per batch. Ends with a newline.
std::string compare_table(const Report& report);

/// The same figures and the changes from the teacher to the student, for --json. Absent figures are
/// null; changes of accuracy and F1 are in points (hundredths).
Json compare_json(const Report& report);

}  // namespace retort
