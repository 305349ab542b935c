// What the tests of matrix products share: operands of any layout inside memory full of NaN.
#pragma once

#include <cmath>
#include <ostream>
#include <vector>

#include "tests/engine/kernel_testing.h"

namespace retort::testing {

/// How a [rows, columns] operand lies in memory.
enum class Layout { rows, columns, padded_rows, padded_columns, every_other };

inline constexpr Layout kLayouts[] = {Layout::rows, Layout::columns, Layout::padded_rows,
                                      Layout::padded_columns, Layout::every_other};

/// A batch of matrices inside memory full of NaN.
template <class T>
struct Operand {
  Operand(Layout layout, std::int64_t batch, std::int64_t rows, std::int64_t columns,
          RandomStream& random) {
    const bool by_columns = layout == Layout::columns || layout == Layout::padded_columns;
    const std::int64_t pad =
        layout == Layout::padded_rows || layout == Layout::padded_columns ? 5 : 0;
    if (by_columns) {
      row = 1;
      column = rows + pad;
    } else if (layout == Layout::every_other) {
      row = 2 * columns + 3;
      column = 2;
    } else {
      row = columns + pad;
      column = 1;
    }
    next = (by_columns ? columns * column : rows * row) + 7;
    data.assign(static_cast<std::size_t>(batch * next + 64 + kLine), static_cast<T>(kNan));
    start = (kLine - reinterpret_cast<std::uintptr_t>(data.data()) % 64 / sizeof(T)) % kLine;
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < columns; ++j) at(b, i, j) = static_cast<T>(random.normal());
  }
  T& at(std::int64_t b, std::int64_t i, std::int64_t j) {
    return data[start + static_cast<std::size_t>(b * next + i * row + j * column)];
  }
  /// The first matrix, on a line of the cache, as a tensor's is: some paths read such operands as
  /// they lie.
  T* begin() { return data.data() + start; }

  static constexpr std::size_t kLine = 64 / sizeof(T);
  std::vector<T> data;
  std::size_t start = 0;
  std::int64_t row = 0, column = 0, next = 0;
};

/// A product to be tested.
struct ProductCase {
  std::int64_t batch, m, n, k;
  Layout a = Layout::rows, b = Layout::rows;
  bool accumulate = false, bias = false;
};

inline std::ostream& operator<<(std::ostream& out, const ProductCase& c) {
  return out << "batch " << c.batch << ", " << c.m << " x " << c.n << " x " << c.k << ", layouts "
             << static_cast<int>(c.a) << ' ' << static_cast<int>(c.b) << ", accumulate "
             << c.accumulate << ", bias " << c.bias;
}

/// Equal, as numbers and in the sign of a zero, or both NaN.
template <class T>
bool same(T x, T y) {
  return (std::isnan(x) && std::isnan(y)) || (x == y && std::signbit(x) == std::signbit(y));
}

}  // namespace retort::testing
