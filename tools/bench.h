// What `retort bench` measures: families of cases, each held against a limit of the machine that is
// probed beside it.
//
// To add a family: write tools/bench_NAME.cpp with a function that makes its cases, declare it
// below and add a line to kFamilies in command_bench.cpp. Rounds, clocks, ratios and printing are
// shared.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tensor/dtype.h"
#include "tools/bench_probe.h"

namespace retort::tools {

struct BenchOptions {
  DType dtype = DType::f32;
  bool all_shapes = false;
  std::int64_t bytes = 0;  ///< of the arrays of a case that memory bounds
};

/// One line of the output.
struct BenchCase {
  std::string name;
  std::string layout;               ///< NT, NN or TN of a matmul, else empty
  std::vector<std::int64_t> shape;  ///< [M, N, K] of a matmul, else what describes the case best
  DType dtype = DType::f32;
  double work = 0;  ///< floating-point operations of one call, or bytes read and written
  std::function<void()> call;
  /// What the figure is compared with: a stream of so many arrays (then `work` is in bytes and the
  /// unit GB/s), or without arrays the arithmetic that the kernel table has for `dtype` (GFLOP/s).
  Stream limit = {};
};

/// The operands belong to the cases; inputs are the same in every run.
using MakeCases = std::vector<BenchCase> (*)(const BenchOptions& options);

std::vector<BenchCase> matmul_cases(const BenchOptions& options);
std::vector<BenchCase> attention_cases(const BenchOptions& options);
std::vector<BenchCase> decode_cases(const BenchOptions& options);
std::vector<BenchCase> ops_cases(const BenchOptions& options);
std::vector<BenchCase> optimizer_cases(const BenchOptions& options);
std::vector<BenchCase> stream_cases(const BenchOptions& options);

}  // namespace retort::tools
