// Cases of segments of rows, of products and softmax per sequence, and of rotary positions.
#include <algorithm>
#include <limits>

#include "tensor/ops.h"
#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

using Numbers = std::vector<std::int32_t>;

// Segments of `rows` rows; `with_empty`: one of them has none.
Tensor segments_of(std::int64_t rows, bool with_empty) {
  const auto n = static_cast<std::int32_t>(rows);
  return Tensor::from(with_empty ? Numbers{0, n / 3, n / 3, n} : Numbers{0, (n + 2) / 3, n});
}

// [segments, rows] with a one where a row belongs to a segment.
Variable membership(const Tensor& offsets, std::int64_t rows, DType dtype) {
  const auto at = offsets.to_vector<std::int32_t>();
  std::vector<double> members;
  for (std::size_t s = 0; s + 1 < at.size(); ++s)
    for (std::int32_t row = 0; row < static_cast<std::int32_t>(rows); ++row)
      members.push_back(row >= at[s] && row < at[s + 1] ? 1 : 0);
  return constant(members, {static_cast<std::int64_t>(at.size()) - 1, rows}, dtype);
}

Variable largest_of_segments(const Variable& x, const Tensor& offsets) {
  const auto at = offsets.to_vector<std::int32_t>();
  const auto values = x.value().to_vector<double>();
  std::vector<double> y;
  for (std::size_t s = 0; s + 1 < at.size(); ++s)
    for (std::int64_t c = 0; c < x.size(1); ++c) {
      y.push_back(-std::numeric_limits<double>::infinity());
      for (std::int32_t row = at[s]; row < at[s + 1]; ++row)
        y.back() = std::max(y.back(), values[static_cast<std::size_t>(row * x.size(1) + c)]);
    }
  return constant(y, {offsets.count() - 1, x.size(1)}, x.dtype());
}

Case rotary_case(bool interleaved) {
  constexpr std::int64_t kHeads = 2;
  // A quarter of the width, rounded to pairs, stays as it is.
  const auto table = [](const Variable& x) {
    const std::int64_t pairs = (x.size(1) / kHeads * 3 / 4 + 1) / 2;
    std::vector<double> frequencies;
    for (std::int64_t i = 0; i < pairs; ++i)
      frequencies.push_back(1.0 / static_cast<double>(1 + 3 * i));
    return ops::rotary_table(some_ids(x.size(0), 500), Tensor::from(frequencies), 1.1,
                             compute_dtype(x.dtype()));
  };
  return {
      .name = interleaved ? "rotary: neighbours" : "rotary: halves",
      .functions = {"rotary", "reference::rotary"},
      .kernels = {"rotary", "rotary_table"},
      .f = [=](const Variables& in) { return rotary(in[0], table(in[0]), kHeads, interleaved); },
      .shapes = {{{2, 8}}, {{3, 4}}, {{0, 4}}, {{1, 6}}, {{20, 128}}, {{70, 200}}},
      .reference =
          [=](const Variables& in) {
            return reference::rotary(in[0], table(in[0]), kHeads, interleaved);
          },
      .extreme = true};
}

struct Layout {
  Ragged ragged;
  std::int64_t heads, head_dim;
  Shape queries() const { return {ragged.rows, heads * head_dim}; }
  Shape keys() const { return {ragged.key_rows, heads * head_dim}; }
  Shape blocks() const { return {ragged.block_offsets(heads).to_vector<std::int64_t>().back()}; }
};

void add_ragged_cases(const Layout& at, std::vector<Case>& cases) {
  const Ragged ragged = at.ragged;
  const std::int64_t heads = at.heads;
  using Product = Variable (*)(const Variable&, const Variable&, const Ragged&, std::int64_t);
  const auto add = [&](const std::string& name, Product f, Product by_hand, const Shape& a,
                       const Shape& b) {
    cases.push_back(
        {.name = name,
         .functions = {name, "reference::" + name},
         .kernels = {"ragged_matmul"},
         .f = [=](const Variables& in) { return f(in[0], in[1], ragged, heads); },
         .shapes = {{a, b}},
         .reference = [=](const Variables& in) { return by_hand(in[0], in[1], ragged, heads); },
         .extreme = true});
  };
  add("ragged_products", ragged_products, reference::ragged_products, at.queries(), at.keys());
  add("ragged_apply", ragged_apply, reference::ragged_apply, at.blocks(), at.keys());
  add("ragged_apply_transposed", ragged_apply_transposed, reference::ragged_apply_transposed,
      at.blocks(), at.queries());
  cases.push_back(
      {.name = "ragged_softmax",
       .functions = {"ragged_softmax", "reference::ragged_softmax"},
       .kernels = {"ragged_softmax", "ragged_softmax_backward"},
       .f = [=](const Variables& in) { return ragged_softmax(in[0], ragged, heads); },
       .shapes = {{at.blocks()}},
       .reference =
           [=](const Variables& in) { return reference::ragged_softmax(in[0], ragged, heads); },
       .extreme = true,
       .half_tolerance = 2});
}

}  // namespace

std::vector<Case> ragged_cases() {
  const std::vector<std::vector<Shape>> shapes = {{{4, 3}}, {{1, 1}}, {{7, 17}}, {{300, 130}}};
  std::vector<Case> cases = {
      rotary_case(false),
      rotary_case(true),
      {.name = "segment_sum",
       .functions = {"segment_sum"},
       .kernels = {"segment_reduce", "segment_expand"},
       .f =
           [](const Variables& in) { return segment_sum(in[0], segments_of(in[0].size(0), true)); },
       .shapes = shapes,
       .reference =
           [](const Variables& in) {
             const std::int64_t rows = in[0].size(0);
             return matmul(membership(segments_of(rows, true), rows, in[0].dtype()), in[0]);
           },
       .extreme = true},
      {.name = "segment_mean",
       .functions = {"segment_mean"},
       .kernels = {"segment_reduce", "segment_expand"},
       .f =
           [](const Variables& in) {
             return segment_mean(in[0], segments_of(in[0].size(0), true));
           },
       .shapes = shapes,
       .reference =
           [](const Variables& in) {
             const std::int64_t rows = in[0].size(0);
             const Variable members = membership(segments_of(rows, true), rows, in[0].dtype());
             const Variable counts = sum(members, {1}, true);
             const Variable at_least_one = ops::binary(BinaryOp::maximum, counts.value(),
                                                       Tensor::full({1}, 1, in[0].dtype()));
             return matmul(members, in[0]) / at_least_one;
           },
       .extreme = true,
       .composed = true},
      {.name = "segment_max",
       .functions = {"segment_max"},
       .kernels = {"segment_reduce", "segment_expand"},
       .f =
           [](const Variables& in) {
             return segment_max(in[0], segments_of(in[0].size(0), false));
           },
       .shapes = {{{4, 3}}, {{7, 17}}, {{300, 130}}},
       .reference =
           [](const Variables& in) {
             return largest_of_segments(in[0], segments_of(in[0].size(0), false));
           },
       .extreme = true},
      {.name = "segment_expand",
       .functions = {"segment_expand"},
       .kernels = {"segment_expand", "segment_reduce"},
       .f =
           [](const Variables& in) {
             return segment_expand(in[0], Tensor::from(Numbers{0, 2, 70}), 70);
           },
       .shapes = {{{2, 1}}, {{2, 19}}},
       .reference =
           [](const Variables& in) {
             const Variable members =
                 membership(Tensor::from(Numbers{0, 2, 70}), 70, in[0].dtype());
             return matmul(transpose(members), in[0]);
           },
       .extreme = true},
  };
  add_ragged_cases({Ragged::packed(Numbers{2, 0, 1}), 2, 2}, cases);
  add_ragged_cases({Ragged::across(Numbers{2, 1}, Numbers{1, 3}), 1, 3}, cases);
  // Two sequences that share keys.
  add_ragged_cases({Ragged::over_ranges(Numbers{1, 2}, Numbers{0, 1}, Numbers{2, 2}, 3), 1, 2},
                   cases);
  add_ragged_cases({Ragged::packed(Numbers{65, 1, 130, 16}), 3, 20}, cases);
  return cases;
}

}  // namespace retort::testing
