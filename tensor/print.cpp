// Tensors as text, the way NumPy prints them: long dimensions abbreviated, columns aligned.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>
#include <sstream>

#include "tensor/tensor.h"

namespace retort {
namespace {

constexpr std::int64_t kThreshold = 1000;  // elements printed in full
constexpr std::int64_t kEdge = 3;          // items at each end of an abbreviated dimension

std::string number_text(double value, bool integral) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[48];
  if (integral) {
    std::snprintf(buffer, sizeof buffer, "%lld", static_cast<long long>(value));
  } else {
    std::snprintf(buffer, sizeof buffer, "%.5g", value);
    const std::string text = buffer;
    if (text.find_first_of(".e") == std::string::npos) std::snprintf(buffer, sizeof buffer, "%.5g.", value);
  }
  return buffer;
}

struct Printer {
  const std::vector<double>& values;
  const Shape& shape;
  const Shape strides;
  bool integral;
  bool abbreviate;
  std::size_t width = 0;

  template <class F>
  void for_shown(int dim, F f) const {
    const std::int64_t size = shape[dim];
    for (std::int64_t i = 0; i < size; ++i) {
      if (abbreviate && size > 2 * kEdge && i == kEdge) {
        f(-1);
        i = size - kEdge;
      }
      f(i);
    }
  }

  void measure(int dim, std::int64_t offset) {
    for_shown(dim, [&](std::int64_t i) {
      if (i < 0) return;
      const std::int64_t at = offset + i * strides[dim];
      if (dim + 1 < shape.rank()) measure(dim + 1, at);
      else width = std::max(width, number_text(values[static_cast<std::size_t>(at)], integral).size());
    });
  }

  void print(std::string& out, int dim, std::int64_t offset) const {
    out += '[';
    bool first = true;
    for_shown(dim, [&](std::int64_t i) {
      const bool innermost = dim + 1 == shape.rank();
      if (!first) {
        out += ',';
        if (innermost) {
          out += ' ';
        } else {
          out.append(static_cast<std::size_t>(shape.rank() - dim - 1), '\n');
          out.append(static_cast<std::size_t>(dim + 1), ' ');
        }
      }
      first = false;
      if (i < 0) {
        out += "...";
      } else if (innermost) {
        const std::string text =
            number_text(values[static_cast<std::size_t>(offset + i * strides[dim])], integral);
        out.append(width - text.size(), ' ');
        out += text;
      } else {
        print(out, dim + 1, offset + i * strides[dim]);
      }
    });
    out += ']';
  }
};

}  // namespace

std::string Tensor::text() const {
  if (!defined()) return "undefined";
  const auto values = to_vector<double>();
  const bool integral = !is_floating(dtype_);
  if (rank() == 0) return number_text(values[0], integral);
  if (values.empty()) return "[]";  // as NumPy; the other dimensions may be huge
  Printer printer{values, shape_, contiguous_strides(shape_), integral, count() > kThreshold};
  printer.measure(0, 0);
  std::string out;
  printer.print(out, 0, 0);
  return out;
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << tensor.text(); }

}  // namespace retort
