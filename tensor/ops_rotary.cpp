// Rotary positions: the table of angles and the rotation.
#include "tensor/ops_internal.h"

namespace retort::ops {

Tensor rotary_table(const Tensor& positions, const Tensor& frequencies, double factor, DType dtype) {
  check(positions.defined() && positions.dtype() == DType::i32 && positions.rank() == 1,
        "rotary_table: expected positions as i32 [rows], found ",
        positions.defined() ? positions.shape().text() : "no tensor");
  check(frequencies.defined() && frequencies.rank() == 1,
        "rotary_table: expected frequencies as [rotary_dim / 2], found ",
        frequencies.defined() ? frequencies.shape().text() : "no tensor");
  const Tensor dense = positions.contiguous(), exact = frequencies.to(DType::f64).contiguous();
  const std::int64_t rotary_dim = 2 * frequencies.size(0);
  Tensor table = Tensor::empty({positions.size(0), rotary_dim}, dtype);
  launch(kernels().rotary_table[slot_f32_f64(dtype, "rotary_table")],
         RotaryTableArgs{.positions = dense.data<std::int32_t>(),
                         .frequencies = exact.data<double>(),
                         .table = table.mutable_raw(),
                         .rows = positions.size(0),
                         .rotary_dim = rotary_dim,
                         .factor = factor});
  return table;
}

Tensor rotary(const Tensor& x, const Tensor& table, std::int64_t heads, bool interleaved, bool inverse) {
  check(x.defined(), "rotary: the argument is undefined");
  check_compute_dtype(x, table, "rotary", "the table of angles");
  check(heads > 0 && x.rank() == 2 && x.size(1) % heads == 0, "rotary: expected x as [rows, ", heads,
        " heads * head_dim], found ", x.shape());
  const std::int64_t head_dim = x.size(1) / heads;
  check(table.rank() == 2 && table.size(0) == x.size(0) && table.size(1) <= head_dim &&
            table.size(1) % 2 == 0,
        "rotary: expected a table of [", x.size(0), ", an even number up to ", head_dim, "], found ",
        table.shape());
  if (is_half(x.dtype())) return rotary(widened(x), table, heads, interleaved, inverse).to(x.dtype());
  const Tensor dense = with_adjacent_columns(x), dense_table = table.contiguous();
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  launch(kernels().rotary[slot_f32_f64(x.dtype(), "rotary")], RotaryArgs{.x = dense.raw(),
                                                                 .table = dense_table.raw(),
                                                                 .y = y.mutable_raw(),
                                                                 .rows = x.size(0),
                                                                 .heads = heads,
                                                                 .head_dim = head_dim,
                                                                 .rotary_dim = table.size(1),
                                                                 .x_row = dense.strides()[0],
                                                                 .interleaved = interleaved,
                                                                 .inverse = inverse});
  return y;
}

}  // namespace retort::ops
