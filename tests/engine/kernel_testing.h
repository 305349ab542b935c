// What the kernel tests share: buffers with guard words behind them, hostile values, and a loop
// over every instruction set that this machine can run.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "tensor/base/parallel.h"
#include "tensor/base/philox.h"
#include "tensor/dispatch.h"
#include "tests/catch.h"

namespace retort::testing {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Index of f32 or f64 in a kernel table.
template <class T>
inline constexpr int kHalf = std::is_same_v<T, double> ? 1 : 0;

/// An array that knows when somebody wrote before or behind it.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::int64_t n)
      : n_(n), data_(static_cast<std::size_t>(n) + 2 * kGuard, guard()) {}
  Guarded(const std::vector<double>& values) : Guarded(static_cast<std::int64_t>(values.size())) {
    for (std::size_t i = 0; i < values.size(); ++i) data()[i] = static_cast<T>(values[i]);
  }
  T* data() { return data_.data() + kGuard; }
  const T* data() const { return data_.data() + kGuard; }
  std::int64_t size() const { return n_; }
  T& operator[](std::int64_t i) { return data()[i]; }
  T operator[](std::int64_t i) const { return data()[i]; }
  bool intact() const {
    for (int i = 0; i < kGuard; ++i)
      if (data_[static_cast<std::size_t>(i)] != guard() ||
          data_[static_cast<std::size_t>(kGuard + n_ + i)] != guard())
        return false;
    return true;
  }
  bool same_bits(const Guarded& other) const {
    return n_ == other.n_ &&
           (n_ == 0 ||
            std::memcmp(data(), other.data(), static_cast<std::size_t>(n_) * sizeof(T)) == 0);
  }

 private:
  static constexpr int kGuard = 32;
  static T guard() { return T(12345.625); }
  std::int64_t n_;
  std::vector<T> data_;
};

/// Normal numbers, rounded to f32 so that f32 and f64 kernels see the same values.
inline std::vector<double> random_values(std::int64_t n, std::uint64_t seed, double scale = 1) {
  RandomStream random(seed);
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i)
    values.push_back(static_cast<double>(static_cast<float>(random.normal() * scale)));
  return values;
}

/// Numbers with which formulas break, at every position of a vector.
inline std::vector<double> hostile_values(std::int64_t n, std::uint64_t seed) {
  const double special[] = {0.0,    -0.0, 1.0,   -1.0,   1e4,       -1e4,       88.5, -88.5,
                            -103.5, 1e-6, 1e-40, -1e-40, kInfinity, -kInfinity, kNan, 0.625,
                            0.9277, 5.0,  -5.0,  1e30,   -1e30,     1e-30,      20.0, -20.0};
  std::vector<double> values = random_values(n, seed, 2);
  for (std::int64_t i = 0; i < n; ++i)
    if (i % 3 == 0)
      values[static_cast<std::size_t>(i)] = static_cast<double>(static_cast<float>(
          special[static_cast<std::size_t>((i / 3) + seed) % std::size(special)]));
  return values;
}

/// |found − expected| ≤ relative·|expected| + absolute; NaN only where NaN is expected.
inline bool close(double found, double expected, double relative, double absolute) {
  if (std::isnan(expected)) return std::isnan(found);
  if (std::isinf(expected)) return found == expected;
  return std::fabs(found - expected) <= relative * std::fabs(expected) + absolute;
}

/// Index of the first element that isn't close, −1 if all are.
template <class T>
std::int64_t first_far(const Guarded<T>& found, const std::vector<double>& expected,
                       double relative, double absolute) {
  if (found.size() != static_cast<std::int64_t>(expected.size())) return 0;
  for (std::int64_t i = 0; i < found.size(); ++i)
    if (!close(static_cast<double>(found[i]), expected[static_cast<std::size_t>(i)], relative,
               absolute)) {
      UNSCOPED_INFO("element " << i << ": found " << found[i] << ", expected "
                               << expected[static_cast<std::size_t>(i)]);
      return i;
    }
  return -1;
}

/// Numbers of threads whose results are compared, more of them than any test has work for included.
inline std::vector<int> thread_counts() {
  return kQuick ? std::vector{1, 3} : std::vector{1, 2, 3, 8, 64};
}

/// Puts table and thread count back when a test ends.
class Restore {
 public:
  Restore() : isa_(kernels().isa), threads_(thread_count()) {}
  ~Restore() {
    use_isa(isa_);
    set_thread_count(threads_);
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  std::string isa_;
  int threads_;
};

/// Instruction sets whose f32 and f64 kernels differ; the others only add products of bf16.
inline std::vector<std::string> distinct_isas() {
  std::vector<std::string> isas;
  for (const std::string& isa : available_isas())
    if (isa != "avx512bf16" && isa != "amx") isas.push_back(isa);
  return isas;
}

/// Calls f(T{}) for f32 and f64 under every instruction set.
template <class F>
void for_every_table(F&& f) {
  const Restore restore;
  for (const std::string& isa : distinct_isas()) {
    use_isa(isa);
    INFO("instruction set " << isa);
    {
      INFO("f32");
      f(float{});
    }
    {
      INFO("f64");
      f(double{});
    }
  }
}

/// Runs `compute`, which returns a Guarded<T>, with 1, 2 and 8 threads; checks the guards and that
/// all three agree bit for bit; returns the result.
template <class F>
auto same_for_all_threads(F&& compute) {
  set_thread_count(1);
  auto one = compute();
  CHECK(one.intact());
  for (const int threads : {2, 8}) {
    set_thread_count(threads);
    const auto more = compute();
    CHECK(more.intact());
    INFO(threads << " threads");
    CHECK(one.same_bits(more));
  }
  return one;
}

/// Launches a kernel that needs no workspace.
template <class T, class Args>
void launch(const Kernel<Args> (&kernel)[kKernelTypes], const Args& args) {
  kernel[kHalf<T>](Launch{}, args);
}

/// A plan of the given sizes and strides, not merged.
template <int N>
Plan<N> make_plan(const std::vector<std::int64_t>& sizes,
                  const std::vector<std::vector<std::int64_t>>& strides) {
  Plan<N> plan;
  plan.rank = static_cast<int>(sizes.size());
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    plan.size[d] = sizes[d];
    for (int k = 0; k < N; ++k) plan.stride[k][d] = strides[static_cast<std::size_t>(k)][d];
  }
  return plan;
}

/// Where each element of a nest begins, in row-major order.
inline std::vector<std::int64_t> offsets(const std::vector<std::int64_t>& sizes,
                                         const std::vector<std::int64_t>& strides) {
  std::vector<std::int64_t> at = {0};
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    std::vector<std::int64_t> next;
    for (const std::int64_t begin : at)
      for (std::int64_t i = 0; i < sizes[d]; ++i) next.push_back(begin + i * strides[d]);
    at = next;
  }
  return at;
}

}  // namespace retort::testing
