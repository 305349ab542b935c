// The changes from the teacher to the student, which the page, the table and the JSON all state.
#pragma once

#include "distill/report/report.h"

namespace retort {

/// NaN where either side's figure is missing.
struct Changes {
  double parameter_reduction = kAbsent;  // percent
  double speedup = kAbsent;              // teacher's ms per batch / student's
  double accuracy_points = kAbsent;      // student - teacher, in hundredths
  double f1_points = kAbsent;
  double accuracy_over_baseline = kAbsent;  // student - baseline, in hundredths
  double f1_over_baseline = kAbsent;
};
Changes changes_of(const Report& report);

}  // namespace retort
