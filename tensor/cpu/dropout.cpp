// Dropout with a residual added in the same pass. The derivative is the same kernel without one.
#include "tensor/cpu/export.h"
#include "tensor/cpu/random.h"
#include "tensor/cpu/rows.h"

namespace retort::isa::RETORT_ISA {
namespace {

// y[row, begin…end) = dropout(x) (+ residual); begin is a multiple of 32.
template <class S>
RETORT_INLINE void dropout_piece(const DropoutArgs& args, const RandomKeys& keys, std::int64_t row,
                                 std::int64_t begin, std::int64_t end, const Writer<S>& write_row) {
  using T = Compute<S>;
  constexpr int kWidth = Vec<T>::kWidth;
  const std::int64_t start = row * args.columns;
  const S* x = static_cast<const S*>(args.x) + start;
  const S* residual = args.residual ? static_cast<const S*>(args.residual) + start : nullptr;
  S* y = static_cast<S*>(args.y) + start;
  const RandomRow random(keys, args.rule.site,
                         args.rule.row_offset + static_cast<std::uint32_t>(row));
  const VecU32 limit = upper_half(args.rule.drop_below);
  const Vec<T> scale = broadcast<Vec<T>>(static_cast<T>(args.rule.scale));
  const Vec<T> zero = broadcast<Vec<T>>(T(0));
  const auto apply = [&](std::int64_t i, VecU32 bits, auto lanes) {
    fetch_ahead(x + i);
    Vec<T> v = select(not_less(bits, limit), load(x + i, lanes) * scale, zero);
    if (residual) {
      fetch_ahead(residual + i);
      v = v + load(residual + i, lanes);
    }
    write_row(y + i, v, lanes);
  };
  for (; begin < end; begin += kRandomColumns) {
    const std::int64_t rest = end - begin;
    random.halves(begin, [&](int k, VecU32 bits) {
      if (rest >= (k + 1) * kWidth) apply(begin + k * kWidth, bits, AllLanes{});
      else if (rest > k * kWidth) apply(begin + k * kWidth, bits, FirstLanes{rest - k * kWidth});
    });
  }
}

template <class S>
void dropout(const Launch&, const DropoutArgs& args) {
  const Writer<S> write_row(static_cast<const S*>(args.y), args.rows, args.columns);
  const RandomKeys keys(args.rule.site);
  for_pieces(args.rows, args.columns, [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
    dropout_piece<S>(args, keys, row, begin, end, write_row);
    write_row.finish();
  });
}

}  // namespace

RETORT_EXPORT(dropout, DropoutArgs)

}  // namespace retort::isa::RETORT_ISA
