// What all of `retort bench` measures with: a clock, medians, memory.
#pragma once

#include <vector>

#include "tools/arguments.h"

namespace retort::tools {

/// Seconds of a clock that never goes back.
double now();
/// The middle one; of an even number the larger of the two.
double median(std::vector<double> values);
/// Bytes of memory that the process has, without what is free within them.
double resident_bytes();
/// The command `bench`, which is added when it is not there.
CLI::App& bench_command(CLI::App& app);

}  // namespace retort::tools
