// What an optimiser does to tensors of which only some rows have a gradient.
#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

void step_rows(const Tensor& parameter, const Tensor* gradient, const Tensor& m, const Tensor& v,
               const std::int32_t* ids, std::int64_t rows, std::span<std::int32_t> done,
               std::span<const AdamwStep> steps) {
  for (const Tensor* tensor : {&m, &v}) {
    check_same_dtype(parameter, *tensor, "adamw");
    check(tensor->shape() == parameter.shape(), "adamw: expected ", parameter.shape(), ", found ",
          tensor->shape());
  }
  check(
      parameter.rank() == 2 && parameter.is_contiguous() && m.is_contiguous() && v.is_contiguous(),
      "adamw: expected contiguous matrices, found ", parameter.shape());
  check(static_cast<std::int64_t>(done.size()) == parameter.size(0), "adamw: expected ",
        parameter.size(0), " row counters, found ", done.size());
  if (rows == 0 || parameter.count() == 0) return;
  const int number = slot_f32_f64(parameter.dtype(), "adamw");
  launch(kernels().adamw_rows[number], kernels().adamw_rows_workspace[number],
         AdamwRowsArgs{.parameter = parameter.unsettled_raw(),
                       .m = m.unsettled_raw(),
                       .v = v.unsettled_raw(),
                       .gradient = gradient ? gradient->raw() : nullptr,
                       .ids = ids,
                       .done = done.data(),
                       .rows = rows,
                       .columns = parameter.size(1),
                       .step = steps.data(),
                       .steps = static_cast<std::int64_t>(steps.size())});
}

}  // namespace

double sum_of_squares(const RowSparse& x) {
  double sum = 0;
  if (x.rows.count() == 0) return sum;
  const Tensor rows = x.rows.contiguous();
  launch(kernels().sum_of_squares_rows[slot_f32_f64(rows.dtype(), "sum_of_squares")],
         SumOfSquaresRowsArgs{rows.raw(), x.ids.data<std::int32_t>(), rows.size(0), rows.size(1),
                              x.table_rows, &sum});
  return sum;
}

void adamw_catch_up(const Tensor& parameter, const Tensor& m, const Tensor& v,
                    std::span<const std::int32_t> ids, std::span<std::int32_t> done,
                    std::span<const AdamwStep> steps) {
  step_rows(parameter, nullptr, m, v, ids.empty() ? nullptr : ids.data(),
            ids.empty() ? parameter.size(0) : static_cast<std::int64_t>(ids.size()), done, steps);
}

void adamw_rows(const Tensor& parameter, const RowSparse& gradient, const Tensor& m,
                const Tensor& v, std::span<std::int32_t> done, std::span<const AdamwStep> steps) {
  check_same_dtype(parameter, gradient.rows, "adamw");
  check(gradient.shape() == parameter.shape(), "adamw: expected ", parameter.shape(), ", found ",
        gradient.shape());
  const Tensor rows = gradient.rows.contiguous();
  step_rows(parameter, &rows, m, v, gradient.ids.data<std::int32_t>(), rows.size(0), done, steps);
}

}  // namespace retort::ops
