// Cases of gathering, scattering and sorting; the references walk the lines of a dimension.
#include <algorithm>
#include <numeric>

#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

using Numbers = std::vector<double>;

// Elements of a tensor along one dimension: element j of line l is at begin(l) + j · step.
struct Along {
  std::int64_t lines, size, step;

  Along(const Shape& shape, int dim)
      : lines(shape[dim] == 0 ? 0 : shape.count() / shape[dim]),
        size(shape[dim]),
        step(contiguous_strides(shape)[dim]) {}
  std::size_t at(std::int64_t line, std::int64_t j) const {
    return static_cast<std::size_t>(line / step * size * step + j * step + line % step);
  }
};

Shape with_size(Shape shape, int dim, std::int64_t size) {
  shape[dim] = size;
  return shape;
}

// Indices of this shape in [0, n), i32 or i64.
Tensor indices(const Shape& shape, std::int64_t n, DType dtype) {
  return some_ids(shape.count(), n).reshape(shape).to(dtype);
}

const std::vector<std::vector<Shape>> kShapes = {{{3, 4}},     {{1, 1}},    {{2, 3, 2}},
                                                 {{5, 2, 17}}, {{40, 300}}, {{70, 9, 65}}};

// Whether the list of indices along dim names the place of an element.
bool is_named(const Tensor& index, const Shape& shape, int dim, std::int64_t element) {
  const std::int64_t place = element / contiguous_strides(shape)[dim] % shape[dim];
  const auto list = index.to_vector<std::int64_t>();
  return std::find(list.begin(), list.end(), place) != list.end();
}

Case gather_case(int dim, DType dtype) {
  const auto index = [dim, dtype](const Shape& shape) {
    return indices(with_size(shape, dim, 5), shape[dim], dtype);
  };
  return {
      .name = "gather along " + std::to_string(dim),
      .functions = {"gather"},
      .kernels = {"gather", "scatter_add"},
      .f = [dim, index](const Variables& in) { return gather(in[0], dim, index(in[0].shape())); },
      .shapes = kShapes,
      .reference =
          [dim, index](const Variables& in) {
            const auto x = in[0].value().to_vector<double>();
            const auto places = index(in[0].shape()).to_vector<std::int64_t>();
            const Shape shape = with_size(in[0].shape(), dim, 5);
            const Along from(in[0].shape(), dim), to(shape, dim);
            Numbers y(places.size());
            for (std::int64_t line = 0; line < to.lines; ++line)
              for (std::int64_t j = 0; j < 5; ++j)
                y[to.at(line, j)] = x[from.at(line, places[to.at(line, j)])];
            return constant(y, shape, in[0].dtype());
          },
      .extreme = true,
      .nan_reaches =
          [dim, index](std::size_t, const Shape& shape, std::int64_t element) {
            const auto places = index(shape).to_vector<std::int64_t>();
            const Along from(shape, dim), to(with_size(shape, dim, 5), dim);
            for (std::int64_t line = 0; line < to.lines; ++line)
              for (std::int64_t j = 0; j < 5; ++j)
                if (from.at(line, places[to.at(line, j)]) == static_cast<std::size_t>(element))
                  return true;
            return false;
          }};
}

Case scatter_case(int dim) {
  const auto index = [](const Shape& shape) {  // of what is added
    return indices(shape, 3, DType::i64);
  };
  return {.name = "scatter_add along " + std::to_string(dim),
          .functions = {"scatter_add"},
          .kernels = {"gather", "scatter_add"},
          .f =
              [dim, index](const Variables& in) {
                return scatter_add(in[0], dim, index(in[1].shape()), in[1]);
              },
          .shapes = dim == 0 ? std::vector<std::vector<Shape>>{{{3, 4}, {5, 4}},
                                                               {{3, 1}, {1, 1}},
                                                               {{3, 2, 3}, {2, 2, 3}},
                                                               {{3, 300}, {70, 300}},
                                                               {{4, 9, 65}, {0, 9, 65}}}
                             : std::vector<std::vector<Shape>>{{{4, 3}, {4, 5}},
                                                               {{2, 3, 2}, {2, 2, 2}},
                                                               {{200, 3, 65}, {200, 9, 65}}},
          .reference =
              [dim, index](const Variables& in) {
                auto y = in[0].value().to_vector<double>();
                const auto source = in[1].value().to_vector<double>();
                const auto places = index(in[1].shape()).to_vector<std::int64_t>();
                const Along to(in[0].shape(), dim), from(in[1].shape(), dim);
                for (std::int64_t line = 0; line < from.lines; ++line)
                  for (std::int64_t j = 0; j < from.size; ++j)
                    y[to.at(line, places[from.at(line, j)])] += source[from.at(line, j)];
                return constant(y, in[0].shape(), in[0].dtype());
              },
          .extreme = true};
}

Case index_select_case(int dim) {
  const auto index = [](std::int64_t n) { return indices({7}, n, DType::i32); };
  return {
      .name = "index_select along " + std::to_string(dim),
      .functions = {"index_select"},
      .kernels = {"gather", "scatter_add"},
      .f = [dim, index](
               const Variables& in) { return index_select(in[0], dim, index(in[0].size(dim))); },
      .shapes = kShapes,
      .reference =
          [dim, index](const Variables& in) {
            const auto x = in[0].value().to_vector<double>();
            const auto places = index(in[0].size(dim)).to_vector<std::int64_t>();
            const Shape shape = with_size(in[0].shape(), dim, 7);
            const Along from(in[0].shape(), dim), to(shape, dim);
            Numbers y(static_cast<std::size_t>(shape.count()));
            for (std::int64_t line = 0; line < to.lines; ++line)
              for (std::int64_t j = 0; j < 7; ++j)
                y[to.at(line, j)] = x[from.at(line, places[static_cast<std::size_t>(j)])];
            return constant(y, shape, in[0].dtype());
          },
      .extreme = true,
      .nan_reaches =
          [dim, index](std::size_t, const Shape& shape, std::int64_t element) {
            return is_named(index(shape[dim]), shape, dim, element);
          }};
}

Case index_add_case(int dim) {
  const auto index = [](std::int64_t count) { return indices({count}, 3, DType::i32); };
  return {.name = "index_add along " + std::to_string(dim),
          .functions = {"index_add"},
          .kernels = {"gather", "scatter_add"},
          .f =
              [dim, index](const Variables& in) {
                return index_add(in[0], dim, index(in[1].size(dim)), in[1]);
              },
          .shapes = dim == 0 ? std::vector<std::vector<Shape>>{{{3, 4}, {5, 4}},
                                                               {{3, 33}, {70, 33}},
                                                               {{3, 2, 2}, {2, 2, 2}}}
                             : std::vector<std::vector<Shape>>{{{4, 3}, {4, 5}},
                                                               {{40, 3, 65}, {40, 90, 65}}},
          .reference =
              [dim, index](const Variables& in) {
                auto y = in[0].value().to_vector<double>();
                const auto source = in[1].value().to_vector<double>();
                const auto places = index(in[1].size(dim)).to_vector<std::int64_t>();
                const Along to(in[0].shape(), dim), from(in[1].shape(), dim);
                for (std::int64_t line = 0; line < from.lines; ++line)
                  for (std::int64_t j = 0; j < from.size; ++j)
                    y[to.at(line, places[static_cast<std::size_t>(j)])] += source[from.at(line, j)];
                return constant(y, in[0].shape(), in[0].dtype());
              },
          .extreme = true};
}

// The first `keep` (all if negative) in order, by the standard library's stable sort.
Case sort_case(const std::string& name, std::int64_t keep, int dim, bool descending, bool places) {
  return {.name = name + (places ? ", places" : ", values") + " along " + std::to_string(dim) +
                  (descending ? ", descending" : ""),
          .functions = {name},
          .kernels = {"sort", "scatter_add"},
          .f = [=](const Variables& in) -> Variable {
            const Sorted result =
                keep < 0 ? sort(in[0], dim, descending) : topk(in[0], keep, dim, descending);
            return places ? Variable(result.indices.to(in[0].dtype())) : result.values;
          },
          .shapes = {{{3, 4}}, {{2, 3, 2}}, {{5, 20, 3}}, {{40, 300}}, {{3, 700, 20}}},
          .reference =
              [=](const Variables& in) {
                const auto x = in[0].value().to_vector<double>();
                const Along from(in[0].shape(), dim);
                const std::int64_t kept = keep < 0 ? from.size : keep;
                const Shape shape = with_size(in[0].shape(), dim, kept);
                const Along to(shape, dim);
                Numbers y(static_cast<std::size_t>(shape.count()));
                for (std::int64_t line = 0; line < from.lines; ++line) {
                  std::vector<std::int64_t> order(static_cast<std::size_t>(from.size));
                  std::iota(order.begin(), order.end(), 0);
                  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
                    const double left = x[from.at(line, a)], right = x[from.at(line, b)];
                    return descending ? left > right : left < right;
                  });
                  for (std::int64_t j = 0; j < kept; ++j) {
                    const std::int64_t place = order[static_cast<std::size_t>(j)];
                    y[to.at(line, j)] =
                        places ? static_cast<double>(place) : x[from.at(line, place)];
                  }
                }
                return constant(y, shape, in[0].dtype());
              },
          .differentiable = !places,
          .extreme = !places,
          // A NaN is the largest: it is among all, and among the largest few.
          .nan_reaches = [=](std::size_t, const Shape&,
                             std::int64_t) { return !places && (keep < 0 || descending); }};
}

}  // namespace

std::vector<Case> indexing_cases() {
  return {gather_case(0, DType::i64),
          gather_case(1, DType::i32),
          gather_case(-1, DType::i64),
          scatter_case(0),
          scatter_case(1),
          index_select_case(0),
          index_select_case(1),
          index_select_case(-1),
          index_add_case(0),
          index_add_case(1),
          sort_case("sort", -1, -1, false, false),
          sort_case("sort", -1, 0, true, false),
          sort_case("sort", -1, 1, true, true),
          sort_case("topk", 2, 1, true, false),
          sort_case("topk", 1, -1, false, false),
          sort_case("topk", 2, 0, true, true)};
}

}  // namespace retort::testing
