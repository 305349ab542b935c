// Cases of operations that only move elements. The references say where each element comes from.
#include <algorithm>

#include "tests/catch.h"
#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

// y of `shape` with y[i…] = from(index), the index as a list of numbers; NaN-free zeros by
// returning 0.
template <class F>
Variable gathered(const Shape& shape, DType dtype, F&& from) {
  std::vector<double> y;
  const Shape strides = contiguous_strides(shape);
  for (std::int64_t i = 0; i < shape.count(); ++i) {
    std::vector<std::int64_t> index;
    for (int dim = 0; dim < shape.rank(); ++dim) index.push_back(i / strides[dim] % shape[dim]);
    y.push_back(from(index));
  }
  return constant(y, shape, dtype);
}

}  // namespace

std::vector<Case> shape_cases() {
  return {
      {.name = "reshape",
       .functions = {"reshape"},
       .f =
           [](const Variables& in) {
             return reshape(in[0], {in[0].size(1), -1});
           },
       .shapes = {{{2, 3}}, {{1, 1}}, {{4, 3, 5}}, {{200, 300}}},
       .reference =
           [](const Variables& in) {
             return constant(in[0].value().to_vector<double>(),
                             {in[0].size(1), in[0].value().count() / in[0].size(1)}, in[0].dtype());
           }},
      {.name = "permute",
       .functions = {"permute"},
       .f =
           [](const Variables& in) {
             return permute(in[0], {2, 0, -2});
           },
       .shapes = {{{2, 3, 4}}, {{1, 1, 1}}, {{2, 0, 3}}, {{33, 17, 50}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             const Shape s = in[0].shape();
             return gathered({s[2], s[0], s[1]}, in[0].dtype(), [&](const auto& i) {
               return x[static_cast<std::size_t>((i[1] * s[1] + i[2]) * s[2] + i[0])];
             });
           }},
      {.name = "transpose",
       .functions = {"transpose"},
       .f = [](const Variables& in) { return transpose(in[0]); },
       .shapes = {{{3, 4}}, {{2, 3, 1}}, {{0, 2}}, {{200, 130}}},
       .reference =
           [](const Variables& in) {
             Shape shape = in[0].shape();
             const std::int64_t rows = shape[-2], columns = shape[-1];
             shape[-2] = columns;
             shape[-1] = rows;
             const auto x = in[0].value().to_vector<double>();
             return gathered(shape, in[0].dtype(), [&](const auto& i) {
               const std::size_t n = i.size();
               const std::int64_t batch = n > 2 ? i[0] : 0;
               return x[static_cast<std::size_t>((batch * rows + i[n - 1]) * columns + i[n - 2])];
             });
           }},
      {.name = "transpose: any two",
       .functions = {"transpose"},
       .f = [](const Variables& in) { return transpose(in[0], 0, 2); },
       .shapes = {{{2, 3, 4}}, {{17, 3, 33}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             const Shape s = in[0].shape();
             return gathered({s[2], s[1], s[0]}, in[0].dtype(), [&](const auto& i) {
               return x[static_cast<std::size_t>((i[2] * s[1] + i[1]) * s[2] + i[0])];
             });
           }},
      {.name = "expand",
       .functions = {"expand"},
       .f =
           [](const Variables& in) {
             return expand(in[0], {3, in[0].size(0), 5});
           },
       .shapes = {{{2, 1}}, {{2, 5}}, {{0, 1}}, {{3000, 1}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             const std::int64_t columns = in[0].size(1);
             return gathered({3, in[0].size(0), 5}, in[0].dtype(), [&](const auto& i) {
               return x[static_cast<std::size_t>(i[1] * columns + (columns == 1 ? 0 : i[2]))];
             });
           }},
      {.name = "slice",
       .functions = {"slice"},
       .f = [](const Variables& in) { return slice(in[0], -2, 1, in[0].size(0) - 1); },
       .shapes = {{{4, 3}}, {{2, 3}}, {{200, 300}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             return gathered({in[0].size(0) - 2, in[0].size(1)}, in[0].dtype(), [&](const auto& i) {
               return x[static_cast<std::size_t>((i[0] + 1) * in[0].size(1) + i[1])];
             });
           },
       .nan_reaches =
           [](std::size_t, const Shape& shape, std::int64_t index) {
             return index >= shape[1] && index < (shape[0] - 1) * shape[1];
           }},
      {.name = "embed_slice",
       .functions = {"embed_slice"},
       .f = [](const Variables& in) { return embed_slice(in[0], 1, 2, in[0].size(1) + 3); },
       .shapes = {{{2, 3}}, {{2, 0}}, {{200, 300}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             const std::int64_t n = in[0].size(1);
             return gathered({in[0].size(0), n + 3}, in[0].dtype(), [&](const auto& i) {
               return i[1] < 2 || i[1] >= n + 2 ? 0.0
                                                : x[static_cast<std::size_t>(i[0] * n + i[1] - 2)];
             });
           }},
      {.name = "concat",
       .functions = {"concat"},
       .f = [](const Variables& in) { return concat(in, -1); },
       .shapes = {{{2, 3}, {2, 1}, {2, 2}}, {{2, 0}, {2, 3}}, {{3, 2}}, {{200, 30}, {200, 100}}},
       .reference =
           [](const Variables& in) {
             std::int64_t columns = 0;
             for (const Variable& part : in) columns += part.size(1);
             return gathered({in[0].size(0), columns}, in[0].dtype(), [&](const auto& i) {
               std::int64_t column = i[1];
               std::size_t part = 0;
               while (column >= in[part].size(1)) column -= in[part++].size(1);
               return in[part].value().slice(0, i[0], i[0] + 1).slice(1, column, column + 1).item();
             });
           }},
      {.name = "slice with a step",
       .functions = {"slice"},
       .f = [](const Variables& in) { return slice(in[0], 1, 1, in[0].size(1), 3); },
       .shapes = {{{3, 8}}, {{3, 1}}, {{2, 2, 2}}, {{40, 301}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             Shape shape = in[0].shape();
             const std::int64_t n = shape[1], inner = in[0].rank() > 2 ? shape[2] : 1;
             shape[1] = (n - 1 + 2) / 3;
             return gathered(shape, in[0].dtype(), [&](const auto& i) {
               const std::int64_t last = inner > 1 ? i[2] : 0;
               return x[static_cast<std::size_t>((i[0] * n + 1 + 3 * i[1]) * inner + last)];
             });
           },
       .nan_reaches =
           [](std::size_t, const Shape& shape, std::int64_t index) {
             const std::int64_t inner = shape.rank() > 2 ? shape[2] : 1;
             const std::int64_t at = index / inner % shape[1];
             return at >= 1 && (at - 1) % 3 == 0;
           }},
      {.name = "embed_slice with a step",
       .functions = {"embed_slice"},
       .f = [](const Variables& in) { return embed_slice(in[0], 0, 1, 2 * in[0].size(0) + 2, 2); },
       .shapes = {{{3, 2}}, {{1, 3}}, {{0, 3}}, {{200, 30}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             const std::int64_t rows = in[0].size(0), n = in[0].size(1);
             return gathered({2 * rows + 2, n}, in[0].dtype(), [&](const auto& i) {
               return i[0] % 2 == 0 || i[0] > 2 * rows
                          ? 0.0
                          : x[static_cast<std::size_t>(i[0] / 2 * n + i[1])];
             });
           }},
      {.name = "stack",
       .functions = {"stack"},
       .f = [](const Variables& in) { return stack(in, 1); },
       .shapes = {{{2, 3}, {2, 3}}, {{2}, {2}, {2}}, {{0, 3}, {0, 3}}, {{60, 33}, {60, 33}}},
       .reference =
           [](const Variables& in) {
             const std::int64_t rows = in[0].size(0);
             const std::int64_t n = in[0].value().count() / std::max<std::int64_t>(rows, 1);
             Shape shape = {rows, static_cast<std::int64_t>(in.size())};
             if (in[0].rank() > 1) shape.append(in[0].size(1));
             std::vector<std::vector<double>> x;
             for (const Variable& part : in) x.push_back(part.value().to_vector<double>());
             return gathered(shape, in[0].dtype(), [&](const auto& i) {
               const std::int64_t last = i.size() > 2 ? i[2] : 0;
               return x[static_cast<std::size_t>(i[1])][static_cast<std::size_t>(i[0] * n + last)];
             });
           },
       .composed = true},
      {.name = "split",
       .functions = {"split"},
       .f =
           [](const Variables& in) {
             const std::int64_t n = in[0].size(-1);
             const Variables pieces = split(in[0], {1, 0, n - 1}, -1);
             CHECK(pieces[1].value().count() == 0);
             return concat({scale(pieces[2], 3), pieces[0]}, -1);
           },
       .shapes = {{{2, 3}}, {{4, 1}}, {{3, 2, 5}}, {{60, 300}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             const std::int64_t n = in[0].size(-1);
             std::vector<double> y;
             for (std::size_t i = 0; i < x.size(); ++i) {
               const std::size_t last = i % static_cast<std::size_t>(n);
               y.push_back(last + 1 == static_cast<std::size_t>(n) ? x[i - last] : 3 * x[i + 1]);
             }
             return constant(y, in[0].shape(), in[0].dtype());
           },
       .composed = true},
      {.name = "squeeze and unsqueeze",
       .functions = {"squeeze", "unsqueeze"},
       .f = [](const Variables& in) { return unsqueeze(squeeze(in[0], 1), -1); },
       .shapes = {{{3, 1, 2}}, {{2, 1}}, {{0, 1, 2}}, {{60, 1, 130}}},
       .reference =
           [](const Variables& in) {
             Shape shape = in[0].shape();
             shape.erase(1);
             shape.append(1);
             return constant(in[0].value().to_vector<double>(), shape, in[0].dtype());
           },
       .composed = true},
      {.name = "pad",
       .functions = {"pad"},
       .f =
           [](const Variables& in) {
             return pad(in[0], {{1, 2}, {3, 0}}, 1.5);
           },
       .shapes = {{{2, 3}}, {{1, 1}}, {{0, 2}}, {{60, 301}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             const std::int64_t rows = in[0].size(0), n = in[0].size(1);
             return gathered({rows + 3, n + 3}, in[0].dtype(), [&](const auto& i) {
               return i[0] < 1 || i[0] > rows || i[1] < 3
                          ? 1.5
                          : x[static_cast<std::size_t>((i[0] - 1) * n + i[1] - 3)];
             });
           },
       .extreme = true},
      {.name = "repeat",
       .functions = {"repeat"},
       .kernels = {"reduce"},
       .f =
           [](const Variables& in) {
             return repeat(in[0], {2, 3, 2});
           },
       .shapes = {{{2, 3}}, {{1, 1}}, {{2, 1, 3}}, {{0, 2}}, {{30, 101}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             const std::int64_t first = in[0].rank() > 2 ? in[0].size(0) : 1, rows = in[0].size(-2),
                                n = in[0].size(-1);
             return gathered({2 * first, 3 * rows, 2 * n}, in[0].dtype(), [&](const auto& i) {
               return x[static_cast<std::size_t>((i[0] % first * rows + i[1] % rows) * n +
                                                 i[2] % n)];
             });
           },
       .composed = true},
      {.name = "flip",
       .functions = {"flip"},
       .kernels = {"unary"},
       .f =
           [](const Variables& in) {
             return flip(in[0], {0, -1});
           },
       .shapes = {{{2, 3}}, {{1, 1}}, {{0, 2}}, {{2, 3, 2}}, {{33, 17}}, {{60, 301}}},
       .reference =
           [](const Variables& in) {
             const auto x = in[0].value().to_vector<double>();
             const Shape s = in[0].shape();
             const std::int64_t middle = s.rank() > 2 ? s[1] : 1;
             return gathered(s, in[0].dtype(), [&](const auto& i) {
               const std::int64_t at = s.rank() > 2 ? i[1] : 0;
               return x[static_cast<std::size_t>(((s[0] - 1 - i[0]) * middle + at) * s[-1] + s[-1] -
                                                 1 - i.back())];
             });
           },
       .extreme = true},
  };
}

}  // namespace retort::testing
