// Cases of sums and means, with loops over indices as the second opinion.
#include "tests/engine/cases.h"

#include "tensor/ops.h"

namespace retort::testing {
namespace {

const std::vector<std::vector<Shape>> kShapes = {{{2, 3, 4}},    {{1, 1, 1}},    {{3, 0, 2}},
                                                 {{5, 33, 3}},   {{65, 70, 40}}, {{1, 2, 140000}},
                                                 {{20000, 2, 2}}};

// Sums over `axes`, kept as size 1, by visiting every element.
std::vector<double> summed(const Tensor& x, const std::vector<int>& axes, Shape& kept) {
  kept = x.shape();
  if (axes.empty()) kept = Shape::filled(x.rank(), 1);
  for (const int axis : axes) kept[axis] = 1;
  const Shape strides = contiguous_strides(kept), from = contiguous_strides(x.shape());
  std::vector<double> y(static_cast<std::size_t>(kept.count()), 0.0);
  const auto values = x.to_vector<double>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::int64_t at = 0;
    for (int dim = 0; dim < x.rank(); ++dim)
      if (kept[dim] != 1)
        at += static_cast<std::int64_t>(i) / from[dim] % x.size(dim) * strides[dim];
    y[static_cast<std::size_t>(at)] += values[i];
  }
  return y;
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
                Shape kept, shape;
                auto y = summed(in[0].value(), axes, kept);
                const double n =
                    static_cast<double>(in[0].value().count()) / static_cast<double>(y.size());
                if (average)
                  for (double& value : y) value /= n;
                for (int dim = 0; dim < kept.rank(); ++dim) {
                  bool gone = axes.empty();
                  for (const int axis : axes) gone = gone || kept.wrap(axis) == dim;
                  if (!gone || keep) shape.append(kept[dim]);
                }
                return constant(y, shape, in[0].dtype());
              },
          .extreme = true,
          .composed = average,
          .half_tolerance = average ? 2.0 : 0.0};  // the sum is rounded, too
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
    if (c.composed) std::erase(c.shapes, std::vector<Shape>{{3, 0, 2}});
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
  cases.push_back({.name = "maximum over the last",
                   .kernels = {"reduce"},
                   .f = [](const Variables& in) -> Variable {
                     const int last[] = {-1};
                     return ops::reduce(ReduceOp::maximum, in[0].value(), last, false);
                   },
                   .shapes = {{{3, 5}}, {{1, 1}}, {{4, 33}}, {{3, 20000}}, {{20000, 3}}},
                   .reference =
                       [](const Variables& in) {
                         const auto x = in[0].value().to_vector<double>();
                         const auto columns = static_cast<std::size_t>(in[0].size(1));
                         std::vector<double> y;
                         for (std::size_t at = 0; at < x.size(); at += columns) {
                           double most = x[at];
                           for (std::size_t j = 1; j < columns; ++j)
                             if (x[at + j] > most) most = x[at + j];
                           y.push_back(most);
                         }
                         return constant(y, {in[0].size(0)}, in[0].dtype());
                       },
                   .differentiable = false,
                   .extreme = true});
  return cases;
}

}  // namespace retort::testing
