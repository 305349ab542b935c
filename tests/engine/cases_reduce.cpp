// Cases of reductions and scans, with loops over indices, or compositions, as the second opinion.
#include "tests/engine/cases.h"

#include <algorithm>
#include <limits>

namespace retort::testing {
namespace {

const std::vector<std::vector<Shape>> kShapes = {{{2, 3, 4}},    {{1, 1, 1}},    {{3, 0, 2}},
                                                 {{5, 33, 3}},   {{65, 70, 40}}, {{1, 2, 140000}},
                                                 {{20000, 2, 2}}};

// Where each element of x goes when `axes` are kept as size 1.
std::vector<std::size_t> places(const Tensor& x, const std::vector<int>& axes, Shape& kept) {
  kept = x.shape();
  if (axes.empty()) kept = Shape::filled(x.rank(), 1);
  for (const int axis : axes) kept[axis] = 1;
  const Shape strides = contiguous_strides(kept), from = contiguous_strides(x.shape());
  std::vector<std::size_t> places;
  for (std::int64_t i = 0; i < x.count(); ++i) {
    std::int64_t at = 0;
    for (int dim = 0; dim < x.rank(); ++dim)
      if (kept[dim] != 1) at += i / from[dim] % x.size(dim) * strides[dim];
    places.push_back(static_cast<std::size_t>(at));
  }
  return places;
}

// Elements folded over `axes` by visiting every one.
template <class F>
std::vector<double> folded(const Tensor& x, const std::vector<int>& axes, Shape& kept, double start,
                           F f) {
  const auto to = places(x, axes, kept);
  std::vector<double> y(static_cast<std::size_t>(kept.count()), start);
  const auto values = x.to_vector<double>();
  for (std::size_t i = 0; i < values.size(); ++i) y[to[i]] = f(y[to[i]], values[i]);
  return y;
}

std::vector<double> summed(const Tensor& x, const std::vector<int>& axes, Shape& kept) {
  return folded(x, axes, kept, 0, [](double a, double b) { return a + b; });
}

// `kept` without the axes.
Shape dropped(const Shape& kept, const std::vector<int>& axes) {
  Shape shape;
  for (int dim = 0; dim < kept.rank(); ++dim) {
    bool gone = axes.empty();
    for (const int axis : axes) gone = gone || kept.wrap(axis) == dim;
    if (!gone) shape.append(kept[dim]);
  }
  return shape;
}

Case sum_case(const std::string& name, std::vector<int> axes, bool keep, bool average) {
  return {.name = name,
          .functions = {average ? "mean" : "sum"},
          .kernels = {"reduce"},
          .f =
              [axes, keep, average](const Variables& in) {
                return average ? mean(in[0], axes, keep) : sum(in[0], axes, keep);
              },
          .shapes = kShapes,
          .reference =
              [axes, keep, average](const Variables& in) {
                Shape kept;
                auto y = summed(in[0].value(), axes, kept);
                const double n =
                    static_cast<double>(in[0].value().count()) / static_cast<double>(y.size());
                if (average)
                  for (double& value : y) value /= n;
                return constant(y, keep ? kept : dropped(kept, axes), in[0].dtype());
              },
          .extreme = true};
}

// Shapes in which no reduction is over nothing.
std::vector<std::vector<Shape>> without_empty(std::vector<std::vector<Shape>> shapes) {
  std::erase(shapes, std::vector<Shape>{{3, 0, 2}});
  return shapes;
}

Case extreme_case(const std::string& name, std::vector<int> axes, bool keep) {
  const bool largest = name == "max";
  return {.name = name + " over " + std::to_string(axes.size()) + " axes",
          .functions = {name},
          .kernels = {"reduce", "where", "binary"},
          .f =
              [axes, keep, largest](const Variables& in) {
                return largest ? max(in[0], axes, keep) : min(in[0], axes, keep);
              },
          .shapes = without_empty(kShapes),
          .reference =
              [axes, keep, largest](const Variables& in) {
                Shape kept;
                const double infinity = std::numeric_limits<double>::infinity();
                const auto y = folded(in[0].value(), axes, kept, largest ? -infinity : infinity,
                                      [largest](double a, double b) {
                                        return largest ? std::max(a, b) : std::min(a, b);
                                      });
                return constant(y, keep ? kept : dropped(kept, axes), in[0].dtype());
              },
          .extreme = true};
}

Case var_case(std::vector<int> axes, bool unbiased, bool keep) {
  return {
      .name = std::string("var, ") + (unbiased ? "unbiased" : "biased"),
      .functions = {"var"},
      .kernels = {"reduce"},
      .f = [axes, unbiased, keep](const Variables& in) { return var(in[0], axes, unbiased, keep); },
      .shapes = {{{2, 3, 4}}, {{5, 33, 3}}, {{65, 70, 40}}, {{2, 2, 140000}}},
      .reference =
          [axes, unbiased, keep](const Variables& in) {
            const Variable squares = sum(square(in[0] - mean(in[0], axes, true)), axes, keep);
            const auto n = static_cast<double>(in[0].value().count() / squares.value().count());
            return scale(squares, 1 / (unbiased ? n - 1 : n));
          },
      .extreme = true};
}

Case logsumexp_case(std::vector<int> axes, bool keep) {
  return {
      .name = "logsumexp over " + std::to_string(axes.size()) + " axes",
      .functions = {"logsumexp"},
      .kernels = {"reduce", "unary", "where"},
      .f = [axes, keep](const Variables& in) { return logsumexp(in[0], axes, keep); },
      .shapes = {{{2, 3, 4}}, {{1, 1, 1}}, {{5, 33, 3}}, {{65, 70, 40}}},
      .reference = [axes, keep](const Variables& in) { return log(sum(exp(in[0]), axes, keep)); },
      .extreme = true,
      .half_tolerance = 16};  // the derivative sees rounded outputs
}

Case cumsum_case(int axis, bool reverse) {
  return {.name = "cumsum over " + std::to_string(axis) + (reverse ? ", from the end" : ""),
          .functions = {"cumsum"},
          .kernels = {"cumsum"},
          .f = [axis, reverse](const Variables& in) { return cumsum(in[0], axis, reverse); },
          .shapes = {{{2, 3, 4}}, {{1, 1, 1}}, {{3, 0, 2}}, {{5, 33, 70}}, {{1, 2, 20000}}},
          // A product with a triangle of ones.
          .reference =
              [axis, reverse](const Variables& in) {
                const std::int64_t n = in[0].size(axis);
                if (n > 100) {  // too large a triangle: loops
                  auto y = in[0].value().to_vector<double>();
                  const auto size = static_cast<std::size_t>(n);
                  for (std::size_t line = 0; line < y.size(); line += size)
                    for (std::size_t j = 1; j < size; ++j) {
                      const std::size_t at = line + (reverse ? size - 1 - j : j);
                      y[at] += y[reverse ? at + 1 : at - 1];
                    }
                  return constant(y, in[0].shape(), in[0].dtype());
                }
                std::vector<double> triangle;
                for (std::int64_t i = 0; i < n; ++i)
                  for (std::int64_t j = 0; j < n; ++j)
                    triangle.push_back((reverse ? j >= i : j <= i) ? 1 : 0);
                const Variable last = transpose(in[0], axis, -1);
                return transpose(matmul(last, transpose(constant(triangle, {n, n}, in[0].dtype()))),
                                 axis, -1);
              },
          .extreme = true,
          .f32_tolerance = 1e-4};
}

Case arg_case(bool largest, int axis, bool keep) {
  return {
      .name = largest ? "argmax" : "argmin",
      .functions = {largest ? "argmax" : "argmin"},
      .kernels = {"arg_reduce"},
      .f = [largest, axis, keep](const Variables& in) -> Variable {
        return (largest ? argmax(in[0], axis, keep) : argmin(in[0], axis, keep)).to(in[0].dtype());
      },
      .shapes = {{{2, 3, 4}}, {{1, 1, 1}}, {{5, 33, 70}}, {{1, 2, 20000}}},
      .reference =
          [largest, axis, keep](const Variables& in) {
            Shape kept;
            const auto to = places(in[0].value(), {axis}, kept);
            const auto x = in[0].value().to_vector<double>();
            const std::int64_t stride = contiguous_strides(in[0].shape())[axis];
            std::vector<double> best(static_cast<std::size_t>(kept.count())),
                index(best.size(), -1);
            for (std::size_t i = 0; i < x.size(); ++i)
              if (index[to[i]] < 0 || (largest ? x[i] > best[to[i]] : x[i] < best[to[i]])) {
                best[to[i]] = x[i];
                index[to[i]] =
                    static_cast<double>(static_cast<std::int64_t>(i) / stride % in[0].size(axis));
              }
            return constant(index, keep ? kept : dropped(kept, {axis}), in[0].dtype());
          },
      .differentiable = false,
      .nan_reaches = [](std::size_t, const Shape&, std::int64_t) { return false; }};
}

}  // namespace

std::vector<Case> reduce_cases() {
  std::vector<Case> cases;
  for (const bool average : {false, true}) {
    const std::string name = average ? "mean" : "sum";
    cases.push_back(sum_case(name + " of all", {}, false, average));
    cases.push_back(sum_case(name + " of all, kept", {}, true, average));
    cases.push_back(sum_case(name + " over the last", {-1}, true, average));
    cases.push_back(sum_case(name + " over the first", {0}, false, average));
    cases.push_back(sum_case(name + " over the middle", {1}, false, average));
    cases.push_back(sum_case(name + " over the ends", {0, 2}, false, average));
    cases.push_back(sum_case(name + " over the last two", {2, 1}, true, average));
  }
  // An empty mean is NaN, as in NumPy: that's for a test of its own.
  for (Case& c : cases)
    if (c.functions[0] == "mean") c.shapes = without_empty(c.shapes);
  for (const char* name : {"max", "min"}) {
    cases.push_back(extreme_case(name, {}, false));
    cases.push_back(extreme_case(name, {-1}, true));
    cases.push_back(extreme_case(name, {1, 0}, false));
  }
  cases.push_back(var_case({}, true, false));
  cases.push_back(var_case({1}, false, true));
  cases.push_back(var_case({0, 2}, true, false));
  cases.push_back(logsumexp_case({}, false));
  cases.push_back(logsumexp_case({-1}, true));
  cases.push_back(logsumexp_case({0, 1}, false));
  for (const int axis : {0, 1, -1})
    for (const bool reverse : {false, true}) cases.push_back(cumsum_case(axis, reverse));
  cases.push_back(arg_case(true, -1, false));
  cases.push_back(arg_case(true, 0, true));
  cases.push_back(arg_case(false, 1, false));
  cases.push_back({.name = "sum_to",
                   .functions = {"sum_to"},
                   .kernels = {"reduce"},
                   .f =
                       [](const Variables& in) {
                         return sum_to(in[0], {in[0].size(1), 1});
                       },
                   .shapes = kShapes,
                   .reference =
                       [](const Variables& in) {
                         Shape kept;
                         const auto y = summed(in[0].value(), {0, 2}, kept);
                         return constant(y, {in[0].size(1), 1}, in[0].dtype());
                       },
                   .extreme = true});
  return cases;
}

}  // namespace retort::testing
