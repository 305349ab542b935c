// Accuracy and F1 against scikit-learn 1.9.1 (accuracy_score, f1_score with zero_division=0,
// confusion_matrix), the numbers printed by repr().
#include "distill/data/metrics.h"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/app/data_files.h"

namespace retort {
namespace {

using Ids = std::vector<int>;

ClassificationMetrics metrics_of(int labels, const Ids& expected, const Ids& predicted) {
  ClassificationMetrics metrics(labels);
  REQUIRE(expected.size() == predicted.size());
  for (std::size_t i = 0; i < expected.size(); ++i) metrics.add(expected[i], predicted[i], 0.5);
  return metrics;
}

bool close(double ours, double theirs) { return std::abs(ours - theirs) <= 1e-15; }

TEST_CASE("metrics: two labels", "[metrics]") {
  const auto metrics = metrics_of(2, {1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0},
                                  {1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0});
  CHECK(metrics.examples() == 20);
  CHECK(close(metrics.accuracy(), 0.95));
  CHECK(close(metrics.f1(), 0.9230769230769231));  // average="binary"
  CHECK(close(metrics.f1(0), 0.9629629629629629));
  CHECK(metrics.count(0, 0) == 13);
  CHECK(metrics.count(0, 1) == 1);
  CHECK(metrics.count(1, 0) == 0);
  CHECK(metrics.count(1, 1) == 6);
}

TEST_CASE("metrics: nothing true and nothing predicted is F1 0", "[metrics]") {
  const auto none = metrics_of(2, {0, 0, 0}, {0, 0, 0});
  CHECK(none.accuracy() == 1.0);
  CHECK(none.f1() == 0.0);
  const auto missed = metrics_of(2, {1, 1, 0}, {0, 0, 0});
  CHECK(close(missed.accuracy(), 0.3333333333333333));
  CHECK(missed.f1() == 0.0);
  CHECK(close(missed.f1(0), 0.5));
}

TEST_CASE("metrics: more labels are averaged over those that occur", "[metrics]") {
  const auto four = metrics_of(4, {3, 3, 2, 3, 3, 2, 2, 1, 1, 1, 0, 2, 3, 2, 3, 2, 0, 0, 3, 1},
                               {1, 3, 2, 2, 3, 2, 2, 0, 2, 1, 0, 2, 3, 2, 3, 0, 2, 0, 3, 1});
  CHECK(close(four.accuracy(), 0.7));
  CHECK(close(four.f1(), 0.6726190476190477));
  const double each[] = {0.5714285714285714, 0.5714285714285714, 0.7142857142857143,
                         0.8333333333333334};
  for (int label = 0; label < 4; ++label) CHECK(close(four.f1(label), each[label]));
  CHECK(four.count(1, 2) == 1);
  CHECK(four.count(3, 3) == 5);

  const auto gaps = metrics_of(5, {0, 2, 2, 4}, {0, 2, 4, 4});  // 1 and 3 nowhere
  CHECK(close(gaps.accuracy(), 0.75));
  CHECK(close(gaps.f1(), 0.7777777777777777));
  CHECK(close(metrics_of(3, {0, 0, 1}, {0, 1, 1}).f1(), 0.6666666666666666));
}

TEST_CASE("metrics: the mean loss does not lose small terms or order", "[metrics]") {
  ClassificationMetrics up(2), down(2);
  up.add(0, 0, 1e16);
  for (int i = 0; i < 1000; ++i) up.add(0, 0, 1.0);
  for (int i = 0; i < 1000; ++i) down.add(0, 0, 1.0);
  down.add(0, 0, 1e16);
  CHECK(up.loss() == (1e16 + 1000) / 1001);
  CHECK(up.loss() == down.loss());
  up.add(0, 0, std::numeric_limits<double>::infinity());
  CHECK(std::isinf(up.loss()));
  up.add(0, 0, std::numeric_limits<double>::quiet_NaN());
  up.add(0, 0, 1.0);
  CHECK(std::isnan(up.loss()));
}

TEST_CASE("metrics: ids outside and no examples are errors", "[metrics]") {
  ClassificationMetrics metrics(2);
  CHECK_THROWS_AS(metrics.accuracy(), Error);
  CHECK_THROWS_AS(metrics.f1(), Error);
  CHECK_THROWS_AS(metrics.loss(), Error);
  CHECK_THROWS_AS(metrics.add(2, 0, 0.0), Error);
  CHECK_THROWS_AS(metrics.add(0, -1, 0.0), Error);
  CHECK_THROWS_AS(ClassificationMetrics(0), Error);
  CHECK(metrics.examples() == 0);
}

}  // namespace
}  // namespace retort
