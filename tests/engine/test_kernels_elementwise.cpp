// fill, unary, binary and where in every layout, against double loops.
#include "tests/engine/elementwise_oracle.h"

using namespace retort;
using namespace retort::testing;

namespace {

bool is_backward(BinaryOp op) { return op > BinaryOp::relu_backward; }

constexpr int kUnaryOps = static_cast<int>(UnaryOp::inside) + 1;
constexpr int kBinaryOps = static_cast<int>(BinaryOp::silu_backward) + 1;

struct Tolerance {
  double relative, absolute;
};

template <class T>
Tolerance tolerance(bool sums_cancel) {
  if constexpr (std::is_same_v<T, double>) return {4e-16, sums_cancel ? 1e-15 : 1e-300};
  return {2.6e-7, sums_cancel ? 1e-6 : 1.5e-45};
}

template <class T>
void check_unary(UnaryOp op, const std::vector<std::int64_t>& sizes,
                 const std::vector<std::int64_t>& from, const std::vector<std::int64_t>& to,
                 std::int64_t x_size, std::int64_t y_size) {
  const Guarded<T> x(hostile_values(x_size, 7 + static_cast<std::uint64_t>(op)));
  const auto y = same_for_all_threads([&] {
    Guarded<T> result(std::vector<double>(static_cast<std::size_t>(y_size), -77));
    UnaryArgs args{op, x.data(), result.data(), make_plan<2>(sizes, {from, to}), kFirst, kSecond};
    launch<T>(kernels().unary, args);
    return result;
  });
  std::vector<double> expected(static_cast<std::size_t>(y_size), -77);
  const auto source = offsets(sizes, from);
  const auto target = offsets(sizes, to);
  for (std::size_t i = 0; i < source.size(); ++i)
    expected[static_cast<std::size_t>(target[i])] =
        rounded<T>(reference(op, static_cast<double>(x[source[i]])));
  const Tolerance limit = tolerance<T>(op == UnaryOp::gelu || op == UnaryOp::gelu_tanh);
  INFO("unary op " << static_cast<int>(op) << ", " << y_size << " outputs");
  // Sigmoid's denominator overflows before its value underflows.
  const double absolute = op == UnaryOp::sigmoid || op == UnaryOp::silu ? 1e-35 : limit.absolute;
  CHECK(first_far(y, expected, limit.relative, absolute) == -1);
}

template <class T>
void check_binary(BinaryOp op, const std::vector<std::int64_t>& sizes,
                  const std::vector<std::int64_t>& a_stride,
                  const std::vector<std::int64_t>& b_stride,
                  const std::vector<std::int64_t>& y_stride, std::int64_t size) {
  const Guarded<T> a(hostile_values(size, 3));
  const Guarded<T> b(hostile_values(size, 5 + static_cast<std::uint64_t>(op)));
  const auto y = same_for_all_threads([&] {
    Guarded<T> result(std::vector<double>(static_cast<std::size_t>(size), -77));
    BinaryArgs args{op, a.data(), b.data(), result.data(),
                    make_plan<3>(sizes, {a_stride, b_stride, y_stride})};
    launch<T>(kernels().binary, args);
    return result;
  });
  std::vector<double> expected(static_cast<std::size_t>(size), -77);
  const auto left = offsets(sizes, a_stride);
  const auto right = offsets(sizes, b_stride);
  const auto target = offsets(sizes, y_stride);
  double absolute = is_backward(op) ? 1e-6 : 1.5e-45;
  if (std::is_same_v<T, double>) absolute *= 1e-9;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const auto u = static_cast<double>(a[left[i]]);
    const auto v = static_cast<double>(b[right[i]]);
    double value = rounded<T>(reference(op, u, v));
    const auto found = static_cast<double>(y[target[i]]);
    // The derivatives cancel: their error is that of dy times a number near one.
    const bool derivative = is_backward(op);
    const double scale = derivative && std::isfinite(u) ? std::fabs(u) + 1 : 1;
    INFO("binary op " << static_cast<int>(op) << " of " << u << " and " << v << ": found " << found
                      << ", expected " << value);
    // Where x² overflows T, or dy is infinite and the derivative rounds to 0, T's answer is its
    // own.
    const bool own = derivative && (std::fabs(v) > 1e18 || std::isinf(u));
    if (!own) CHECK(close(found, value, 4e-7, absolute * scale));
    expected[static_cast<std::size_t>(target[i])] = found;
  }
  CHECK(first_far(y, expected, 0, 0) == -1);  // nothing else was written
}

}  // namespace

TEST_CASE("unary kernels equal their formulas", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (int i = 0; i < kUnaryOps; ++i) {
      const auto op = static_cast<UnaryOp>(i);
      for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 33, 100, 1000})
        check_unary<T>(op, {n}, {1}, {1}, n, n);
      check_unary<T>(op, {}, {}, {}, 1, 1);                              // a scalar
      check_unary<T>(op, {5, 7}, {1, 5}, {7, 1}, 35, 35);                // transposed
      check_unary<T>(op, {70, 3}, {1, 70}, {3, 1}, 210, 210);            //
      check_unary<T>(op, {3, 130}, {0, 1}, {130, 1}, 130, 390);          // rows broadcast
      check_unary<T>(op, {3, 130}, {1, 0}, {130, 1}, 3, 390);            // columns broadcast
      check_unary<T>(op, {2, 3, 9}, {40, 10, 1}, {60, 20, 2}, 70, 118);  // slices into slices
    }
    check_unary<T>(UnaryOp::exp, {50001}, {1}, {1}, 50001, 50001);
    check_unary<T>(UnaryOp::exp, {2, 40000}, {40001, 1}, {40000, 1}, 80001, 80000);
    check_unary<T>(UnaryOp::copy, {300, 200}, {1, 300}, {200, 1}, 60000, 60000);
    check_unary<T>(UnaryOp::gelu, {3, 40, 70}, {2900, 1, 41}, {2800, 70, 1}, 8700, 8400);
    check_unary<T>(UnaryOp::erf, {2, 33, 9}, {300, 1, 33}, {700, 20, 2}, 600, 1400);
    check_unary<T>(UnaryOp::copy, {0, 40, 70}, {2900, 1, 41}, {2800, 70, 1}, 1, 1);
    check_unary<T>(UnaryOp::copy, {4, 0}, {1, 1}, {1, 1}, 4, 4);
    check_unary<T>(UnaryOp::copy, {0, 4}, {1, 1}, {1, 1}, 4, 4);
  });
}

TEST_CASE("an element's result doesn't depend on its position", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const Guarded<T> x(hostile_values(67, 1));
    for (int op = 0; op < kUnaryOps; ++op) {
      Guarded<T> whole(67);
      launch<T>(kernels().unary, UnaryArgs{static_cast<UnaryOp>(op), x.data(), whole.data(),
                                           make_plan<2>({67}, {{1}, {1}})});
      for (std::int64_t begin = 0; begin < 67; ++begin) {
        Guarded<T> one(1);
        launch<T>(kernels().unary, UnaryArgs{static_cast<UnaryOp>(op), x.data() + begin, one.data(),
                                             make_plan<2>({1}, {{1}, {1}})});
        const bool same = std::memcmp(one.data(), whole.data() + begin, sizeof(T)) == 0;
        CHECK(same);
      }
    }
  });
}

TEST_CASE("binary kernels equal their formulas", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (int i = 0; i < kBinaryOps; ++i) {
      const auto op = static_cast<BinaryOp>(i);
      for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 33, 250})
        check_binary<T>(op, {n}, {1}, {1}, {1}, n);
      check_binary<T>(op, {37}, {0}, {1}, {1}, 37);  // scalar operands
      check_binary<T>(op, {37}, {1}, {0}, {1}, 37);
      check_binary<T>(op, {37}, {0}, {0}, {1}, 37);
      check_binary<T>(op, {5, 19}, {19, 1}, {0, 1}, {19, 1}, 95);  // row broadcast
      check_binary<T>(op, {5, 19}, {1, 0}, {19, 1}, {19, 1}, 95);  // column broadcast
      check_binary<T>(op, {5, 19}, {1, 5}, {19, 1}, {19, 1}, 95);  // transposed
      check_binary<T>(op, {5, 19}, {19, 1}, {0, 1}, {1, 5}, 95);
      check_binary<T>(op, {3, 4, 5}, {20, 5, 1}, {0, 1, 0}, {24, 6, 1}, 80);
    }
    check_binary<T>(BinaryOp::add, {3, 20000}, {20000, 1}, {0, 1}, {20000, 1}, 60000);
  });
}

TEST_CASE("where chooses in every layout", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const auto check_where = [](const std::vector<std::int64_t>& sizes,
                                const std::vector<std::vector<std::int64_t>>& strides,
                                std::int64_t size) {
      auto conditions = random_values(size, 8);
      for (std::int64_t i = 0; i < size; ++i) {
        double& c = conditions[static_cast<std::size_t>(i)];
        if (i % 3 == 0) c = i % 2 == 0 ? 0.0 : -0.0;
        if (i % 7 == 1) c = kNan;  // isn't 0
      }
      const Guarded<T> condition(conditions), a(hostile_values(size, 2)),
          b(hostile_values(size, 9));
      const auto y = same_for_all_threads([&] {
        Guarded<T> result(std::vector<double>(static_cast<std::size_t>(size), -77));
        launch<T>(kernels().where, WhereArgs{condition.data(), a.data(), b.data(), result.data(),
                                             make_plan<4>(sizes, strides)});
        return result;
      });
      std::vector<double> expected(static_cast<std::size_t>(size), -77);
      const auto c_at = offsets(sizes, strides[0]), a_at = offsets(sizes, strides[1]),
                 b_at = offsets(sizes, strides[2]), y_at = offsets(sizes, strides[3]);
      for (std::size_t i = 0; i < y_at.size(); ++i)
        expected[static_cast<std::size_t>(y_at[i])] =
            static_cast<double>(condition[c_at[i]] == T(0) ? b[b_at[i]] : a[a_at[i]]);
      CHECK(first_far(y, expected, 0, 0) == -1);
    };
    for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 33, 250})
      check_where({n}, {{1}, {1}, {1}, {1}}, n);
    check_where({37}, {{1}, {0}, {1}, {1}}, 37);
    check_where({37}, {{0}, {1}, {0}, {1}}, 37);
    check_where({5, 19}, {{0, 1}, {1, 0}, {19, 1}, {19, 1}}, 95);
    check_where({5, 19}, {{1, 5}, {19, 1}, {0, 0}, {1, 5}}, 95);
    check_where({3, 20000}, {{20000, 1}, {0, 1}, {1, 0}, {20000, 1}}, 60000);
  });
}

TEST_CASE("fill writes every element and nothing else", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const std::int64_t n : {0, 1, 15, 17, 40000}) {
      Guarded<T> y(n);
      launch<T>(kernels().fill, FillArgs{y.data(), n, 0.1});
      CHECK(y.intact());
      bool all = true;
      for (std::int64_t i = 0; i < n; ++i) all = all && y[i] == static_cast<T>(0.1);
      CHECK(all);
    }
  });
}
