// Rotary positions: the derivative of a rotation is the rotation by the negated angle.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {
namespace {

Variable rotate(const Variable& x, const Tensor& table, std::int64_t heads, bool interleaved,
                bool inverse) {
  return record("rotary", ops::rotary(x.value(), table, heads, interleaved, inverse),
      wrt(x, [table, heads, interleaved, inverse](const Variable& dy) {
        return rotate(dy, table, heads, interleaved, !inverse);
      }));
}

}  // namespace

Variable rotary(const Variable& x, const Tensor& table, std::int64_t heads, bool interleaved) {
  return rotate(x, table, heads, interleaved, false);
}

namespace reference {

Variable rotary(const Variable& x, const Tensor& table, std::int64_t heads, bool interleaved) {
  if (is_half(x.dtype()))
    return cast(reference::rotary(cast(x, DType::f32), table, heads, interleaved), x.dtype());
  const std::int64_t rows = x.size(0), head_dim = x.size(1) / heads, pairs = table.size(1) / 2;
  const Variable per_head = reshape(x, {rows, heads, head_dim});
  const auto angle = [&](std::int64_t begin) {
    return Variable(table.slice(1, begin, begin + pairs).reshape({rows, 1, pairs}));
  };
  const Variable rotated = slice(per_head, 2, 0, 2 * pairs);
  const Variable as_pairs = interleaved
                                ? reshape(rotated, {rows, heads, pairs, 2})
                                : transpose(reshape(rotated, {rows, heads, 2, pairs}));
  const auto half = [&](std::int64_t i) {
    return reshape(slice(as_pairs, 3, i, i + 1), {rows, heads, pairs});
  };
  const Variable a = half(0), b = half(1), cosines = angle(0), sines = angle(pairs);
  const Variable y =
      concat({reshape(a * cosines - b * sines, {rows, heads, 1, pairs}),
              reshape(b * cosines + a * sines, {rows, heads, 1, pairs})}, 2);
  const Variable ordered = reshape(interleaved ? transpose(y) : y, {rows, heads, 2 * pairs});
  return reshape(concat({ordered, slice(per_head, 2, 2 * pairs, head_dim)}, 2), x.shape());
}

}  // namespace reference
}  // namespace retort
