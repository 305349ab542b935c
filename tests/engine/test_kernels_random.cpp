// Dropout draws exactly the bits of tensor/base/philox.h; embedding and its derivative equal loops.
#include "tests/engine/kernel_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

template <class T>
Guarded<T> run_dropout(const Guarded<T>& x, const T* residual, std::int64_t rows,
                       std::int64_t columns, const DropoutRule& rule) {
  return same_for_all_threads([&] {
    Guarded<T> y(x.size());
    launch<T>(kernels().dropout, DropoutArgs{x.data(), residual, y.data(), rows, columns, rule});
    return y;
  });
}

bool kept(const DropoutRule& rule, std::int64_t row, std::int64_t column) {
  return rule.keeps(static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(column));
}

}  // namespace

TEST_CASE("dropout keeps the elements that the scalar definition keeps", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const std::int64_t columns : {1, 3, 4, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257, 20011})
      for (const std::uint32_t drop_below : {0u, 1u, 1u << 13, 1u << 15, 0xE000u, 0xFFFFu}) {
        const std::int64_t rows = columns > 1000 ? 2 : 5;
        const double p = drop_below / 65536.0;
        const DropoutRule rule{
            drop_below, 1 / (1 - p), {0x123456789ABCDEFull, 42, 0xDEADBEEFu}, 0xFFFFFFFEu};
        const Guarded<T> x(random_values(rows * columns, 3));
        const Guarded<T> residual(random_values(rows * columns, 4));
        const auto plain = run_dropout<T>(x, nullptr, rows, columns, rule);
        const auto sum = run_dropout<T>(x, residual.data(), rows, columns, rule);
        std::int64_t wrong = 0;
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t c = 0; c < columns; ++c) {
            const std::int64_t i = r * columns + c;
            const T expected = kept(rule, r, c) ? x[i] * static_cast<T>(rule.scale) : T(0);
            wrong += !(plain[i] == expected) + !(sum[i] == expected + residual[i]);
          }
        INFO(columns << " columns, drop below " << drop_below);
        CHECK(wrong == 0);
      }
  });
}

TEST_CASE("dropout: rows split over micro-batches draw the same bits", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const std::int64_t rows = 9, columns = 70;
    DropoutRule rule{1u << 14, 4.0 / 3, {7, 1, 2}, 100};
    const Guarded<T> x(random_values(rows * columns, 3));
    const auto whole = run_dropout<T>(x, nullptr, rows, columns, rule);
    Guarded<T> parts(rows * columns);
    for (std::int64_t r = 0; r < rows; ++r) {
      rule.row_offset = 100 + static_cast<std::uint32_t>(r);
      launch<T>(kernels().dropout, DropoutArgs{x.data() + r * columns, nullptr,
                                               parts.data() + r * columns, 1, columns, rule});
    }
    CHECK(whole.same_bits(parts));
  });
}

TEST_CASE("dropout: a kept NaN stays, a dropped one is gone", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const DropoutRule rule{1u << 15, 2, {7, 1, 2}, 0};
    const Guarded<T> x(std::vector<double>(200, kNan));
    const auto y = run_dropout<T>(x, nullptr, 2, 100, rule);
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < 200; ++i)
      wrong += kept(rule, i / 100, i % 100) ? !std::isnan(y[i]) : !(y[i] == T(0));
    CHECK(wrong == 0);
  });
}

TEST_CASE("embedding copies rows, its derivative adds them in order", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const std::int64_t columns : {1, 7, 8, 16, 17, 65, 384})
      for (const std::int64_t rows : {0, 1, 5, 400}) {
        const std::int64_t vocabulary = 11;
        RandomStream random(static_cast<std::uint64_t>(rows + columns));
        std::vector<std::int32_t> ids;
        for (std::int64_t r = 0; r < rows; ++r)
          ids.push_back(
              static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocabulary))));
        const Guarded<T> table(random_values(vocabulary * columns, 3));
        const Guarded<T> dy(random_values(rows * columns, 4));
        const auto y = same_for_all_threads([&] {
          Guarded<T> result(rows * columns);
          launch<T>(kernels().embedding,
                    EmbeddingArgs{table.data(), ids.data(), result.data(), rows, columns});
          return result;
        });
        const auto dtable = same_for_all_threads([&] {
          Guarded<T> result(random_values(vocabulary * columns, 5));
          launch<T>(kernels().embedding_backward,
                    EmbeddingBackwardArgs{dy.data(), ids.data(), result.data(), rows, columns});
          return result;
        });
        Guarded<T> expected(random_values(vocabulary * columns, 5));
        std::int64_t wrong = 0;
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t c = 0; c < columns; ++c) {
            const std::int64_t from = ids[static_cast<std::size_t>(r)] * columns + c;
            wrong += !(y[r * columns + c] == table[from]);
            expected[from] += dy[r * columns + c];  // ascending rows: the very same roundings
          }
        INFO(rows << " rows of " << columns);
        CHECK(wrong == 0);
        CHECK(dtable.same_bits(expected));
      }
  });
}
