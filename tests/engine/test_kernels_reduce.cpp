// reduce, arg_reduce and cumsum against double loops.
#include "tests/engine/kernel_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

template <class T>
void check_reduce(ReduceOp op, const std::vector<std::int64_t>& outer,
                  const std::vector<std::int64_t>& outer_stride,
                  const std::vector<std::int64_t>& inner,
                  const std::vector<std::int64_t>& inner_stride,
                  const std::vector<double>& values) {
  const Guarded<T> x(values);
  const auto rows = offsets(outer, outer_stride);
  const auto terms = offsets(inner, inner_stride);
  const auto y = same_for_all_threads([&] {
    Guarded<T> result(static_cast<std::int64_t>(rows.size()));
    launch<T>(kernels().reduce,
              ReduceArgs{op, x.data(), result.data(), make_plan<1>(outer, {outer_stride}),
                         make_plan<1>(inner, {inner_stride})});
    return result;
  });
  for (std::size_t r = 0; r < rows.size(); ++r) {
    double total = op == ReduceOp::sum ? 0 : op == ReduceOp::maximum ? -kInfinity : kInfinity;
    double magnitude = 0;
    for (const std::int64_t term : terms) {
      const auto v = static_cast<double>(x[rows[r] + term]);
      magnitude += std::fabs(v);
      if (op == ReduceOp::sum) total += v;
      else if (std::isnan(total) || std::isnan(v)) total = kNan;
      else total = op == ReduceOp::maximum ? std::fmax(total, v) : std::fmin(total, v);
    }
    const double epsilon = std::is_same_v<T, double> ? 1e-15 : 4e-7;
    const double absolute = op == ReduceOp::sum ? epsilon * magnitude : 0;
    INFO("row " << r << " of " << rows.size() << ", " << terms.size() << " terms: found "
                << y[static_cast<std::int64_t>(r)] << ", expected " << total);
    CHECK(close(static_cast<double>(y[static_cast<std::int64_t>(r)]),
                static_cast<double>(static_cast<T>(total)), 0,
                std::isfinite(absolute) ? absolute : 0));
  }
}

}  // namespace

TEST_CASE("reductions equal double loops in every layout", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const ReduceOp op : {ReduceOp::sum, ReduceOp::maximum, ReduceOp::minimum}) {
      for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 64, 65, 1000, 5000}) {
        const auto x = random_values(3 * n, 11);
        check_reduce<T>(op, {}, {}, {n}, {1}, x);    // to a scalar
        check_reduce<T>(op, {3}, {n}, {n}, {1}, x);  // rows
        check_reduce<T>(op, {n}, {1}, {3}, {n}, x);  // columns
        check_reduce<T>(op, {n}, {3}, {3}, {1}, x);  // short rows
        check_reduce<T>(op, {3}, {1}, {n}, {3}, x);  // few columns
      }
      const auto x = random_values(240, 12);
      check_reduce<T>(op, {4, 5}, {60, 1}, {12}, {5}, x);  // the middle dimension
      check_reduce<T>(op, {12}, {5}, {4, 5}, {60, 1}, x);  // the outer two
      check_reduce<T>(op, {5}, {2}, {6, 4}, {40, 10}, x);  // nothing contiguous
      check_reduce<T>(op, {4}, {60}, {3, 4}, {20, 1}, x);  // sliced rows
      check_reduce<T>(op, {6}, {1}, {}, {}, x);            // nothing to reduce
      check_reduce<T>(op, {3}, {0}, {10}, {1}, x);         // broadcast
      check_reduce<T>(op, {}, {}, {300000}, {1}, random_values(300000, 13));
      check_reduce<T>(op, {2}, {1}, {150000}, {2}, random_values(300000, 14));
      check_reduce<T>(op, {70}, {1}, {4100}, {71}, random_values(4100 * 71, 15));
      check_reduce<T>(op, {600}, {1}, {300}, {600}, random_values(600 * 300, 16));
    }
  });
}

TEST_CASE("reductions let NaN and infinity through from any position", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const double bad : {kNan, kInfinity, -kInfinity})
      for (std::size_t at = 0; at < 70; ++at) {
        auto x = random_values(70, 20);
        x[at] = bad;
        for (const ReduceOp op : {ReduceOp::sum, ReduceOp::maximum, ReduceOp::minimum}) {
          check_reduce<T>(op, {}, {}, {70}, {1}, x);
          check_reduce<T>(op, {7}, {1}, {10}, {7}, x);
        }
      }
  });
}

namespace {

const Lines kLines[] = {{1, 1, 1},    {1, 5, 1},  {3, 17, 1},    {1, 40000, 1},
                        {700, 33, 1}, {2, 0, 3},  {0, 4, 3},     {1, 7, 63},
                        {2, 16, 64},  {3, 9, 65}, {5, 300, 130}, {1, 1, 200}};

// Calls f(where the line begins) for every line, in order of their numbers.
template <class F>
void for_each_line(const Lines& lines, F&& f) {
  for (std::int64_t outer = 0; outer < lines.outer; ++outer)
    for (std::int64_t inner = 0; inner < lines.inner; ++inner)
      f(outer * lines.size * lines.inner + inner);
}

}  // namespace

TEST_CASE("cumsum adds along lines, from either end", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Lines& lines : kLines)
      for (const bool reverse : {false, true}) {
        const std::int64_t count = lines.outer * lines.size * lines.inner;
        const Guarded<T> x(random_values(count, 31));
        const auto y = same_for_all_threads([&] {
          Guarded<T> result(count);
          launch<T>(kernels().cumsum, CumsumArgs{x.data(), result.data(), lines, reverse});
          return result;
        });
        std::vector<double> expected(static_cast<std::size_t>(count));
        for_each_line(lines, [&](std::int64_t begin) {
          double total = 0;
          for (std::int64_t j = 0; j < lines.size; ++j) {
            const std::int64_t at = begin + (reverse ? lines.size - 1 - j : j) * lines.inner;
            total += static_cast<double>(x[at]);
            expected[static_cast<std::size_t>(at)] = static_cast<double>(static_cast<T>(total));
          }
        });
        INFO(lines.outer << " x " << lines.size << " x " << lines.inner << ", reverse " << reverse);
        CHECK(first_far(y, expected, 0, 0) == -1);
      }
  });
}

TEST_CASE("arg_reduce finds the first of equals, and a NaN before any number", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Lines& lines : kLines) {
      if (lines.size == 0) continue;
      for (const bool minimum : {false, true})
        for (const bool nan : {false, true}) {
          const std::int64_t count = lines.outer * lines.size * lines.inner;
          auto values = random_values(count, 32);
          for (double& value : values) value = std::round(2 * value);  // many are equal
          if (nan)
            for (std::size_t i = 5; i < values.size(); i += 11) values[i] = kNan;
          const Guarded<T> x(values);
          const auto index = same_for_all_threads([&] {
            Guarded<std::int64_t> result(lines.outer * lines.inner);
            launch<T>(kernels().arg_reduce, ArgReduceArgs{x.data(), result.data(), lines, minimum});
            return result;
          });
          std::int64_t line = 0, wrong = 0;
          for_each_line(lines, [&](std::int64_t begin) {
            std::int64_t best = 0;
            for (std::int64_t j = 1; j < lines.size; ++j) {
              const auto now = static_cast<double>(x[begin + j * lines.inner]);
              const auto most = static_cast<double>(x[begin + best * lines.inner]);
              if (std::isnan(most)) break;
              if (std::isnan(now) || (minimum ? now < most : now > most)) best = j;
            }
            wrong += index[line++] != best;
          });
          INFO(lines.outer << " x " << lines.size << " x " << lines.inner << ", minimum "
                           << minimum);
          CHECK(wrong == 0);
        }
    }
  });
}
