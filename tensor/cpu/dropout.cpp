// Dropout with a residual added in the same pass. The derivative is the same kernel without one.
#include "tensor/cpu/export.h"
#include "tensor/cpu/random.h"
#include "tensor/cpu/rows.h"

namespace retort::isa::RETORT_ISA {
namespace {

// y[row, begin…end) = dropout(x) (+ residual).
template <class S>
void dropout_piece(const DropoutArgs& args, std::int64_t row, std::int64_t begin, std::int64_t end,
                   const Writer<S>& write_row) {
  using T = Compute<S>;
  // Few at a time, so that arithmetic on random bits and waiting for memory overlap.
  constexpr std::int64_t kBlock = kRandomColumns;
  const std::int64_t start = row * args.columns;
  const S* x = static_cast<const S*>(args.x) + start;
  const S* residual = args.residual ? static_cast<const S*>(args.residual) + start : nullptr;
  S* y = static_cast<S*>(args.y) + start;
  const std::uint32_t random_row = args.rule.row_offset + static_cast<std::uint32_t>(row);
  const Vec<T> zero = broadcast<Vec<T>>(T(0));
  T factors[kBlock];
  for (; begin < end; begin += kBlock) {
    const std::int64_t size = smaller(kBlock, end - begin);
    keep_factors(args.rule, random_row, begin, size, factors);
    sweep<T>(size, [&](std::int64_t i, auto lanes) {
      const Vec<T> factor = load(factors + i, lanes);
      Vec<T> v = select(equal(factor, zero), zero, load(x + begin + i, lanes) * factor);
      if (residual) v = v + load(residual + begin + i, lanes);
      write_row(y + begin + i, v, lanes);
    });
  }
}

template <class S>
void dropout(const Launch&, const DropoutArgs& args) {
  const Writer<S> write_row(static_cast<const S*>(args.y), args.rows, args.columns);
  for_pieces(args.rows, args.columns, [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
    dropout_piece<S>(args, row, begin, end, write_row);
    write_row.finish();
  });
}

}  // namespace

RETORT_EXPORT(dropout, DropoutArgs)

}  // namespace retort::isa::RETORT_ISA
