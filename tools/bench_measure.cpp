#include "tools/bench_measure.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "tensor/base/error.h"

namespace retort::tools {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double resident_bytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  check(static_cast<bool>(file >> pages >> pages), "/proc/self/statm: expected two numbers");
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

CLI::App& bench_command(CLI::App& app) {
  const auto there = app.get_subcommands([](CLI::App* sub) { return sub->get_name() == "bench"; });
  if (!there.empty()) return *there[0];
  CLI::App* bench = app.add_subcommand("bench", "Measure speed");
  bench->require_subcommand(1);
  return *bench;
}

}  // namespace retort::tools
