// Tensors as text, character for character as NumPy's array2string(x, separator=", ") gives it: the
// fewest digits that tell a number of its type from its neighbours, at most eight behind the point,
// columns aligned, powers of ten where sizes differ too much, long lines wrapped, long dimensions
// abbreviated.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ostream>

#include "tensor/tensor.h"

namespace retort {
namespace {

constexpr std::int64_t kThreshold = 1000;  // elements printed in full
constexpr std::int64_t kEdge = 3;          // items at each end of an abbreviated dimension
constexpr int kPrecision = 8;              // most digits behind the point
constexpr std::size_t kLineWidth = 75;

// `value` rounded to the type that it came from.
double rounded(double value, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return static_cast<double>(static_cast<float>(value));
    case DType::f16:
      return static_cast<double>(static_cast<float>(f16(static_cast<float>(value))));
    case DType::bf16:
      return static_cast<double>(static_cast<float>(bf16(static_cast<float>(value))));
    default:
      return value;
  }
}

std::string printed(const char* format, int precision, double value) {
  char buffer[400];
  std::snprintf(buffer, sizeof buffer, format, precision, value);
  return buffer;
}

// Digits behind the point of the shortest d.ddde±xx that reads back as the same number.
int shortest_precision(double value, DType dtype) {
  int precision = 0;
  while (precision < 17 &&
         rounded(std::strtod(printed("%.*e", precision, value).c_str(), nullptr), dtype) != value)
    ++precision;
  return precision;
}

void trim_zeros(std::string& digits) {
  while (digits.back() == '0') digits.pop_back();
}

// Left and right of the point; of a power of ten also the exponent, with its sign.
struct Parts {
  std::string left, right, exponent;
};

Parts positional(double value, DType dtype) {
  const int precision = shortest_precision(value, dtype);
  std::string digits = printed("%.*e", precision, value);
  const std::size_t e = digits.find('e');
  const int exponent = std::atoi(digits.c_str() + e + 1);
  if (precision - exponent > kPrecision) {
    digits = printed("%.*f", kPrecision, value);
    trim_zeros(digits);
    const std::size_t point = digits.find('.');
    return {digits.substr(0, point), digits.substr(point + 1), ""};
  }
  digits.resize(e);
  const std::string sign = std::signbit(value) ? "-" : "";
  std::erase_if(digits, [](char c) { return c == '-' || c == '.'; });
  if (exponent < 0) digits.insert(0, static_cast<std::size_t>(-exponent), '0');
  const auto left = static_cast<std::size_t>(std::max(exponent, 0) + 1);
  if (digits.size() < left) digits.append(left - digits.size(), '0');
  return {sign + digits.substr(0, left), digits.substr(left), ""};
}

Parts scientific(double value, DType dtype) {
  std::string text = printed("%.*e", std::min(shortest_precision(value, dtype), kPrecision), value);
  const std::size_t e = text.find('e');
  const std::string exponent = text.substr(e + 1);
  text.resize(e);
  if (text.find('.') == std::string::npos) text += '.';
  else trim_zeros(text);
  const std::size_t point = text.find('.');
  return {text.substr(0, point), text.substr(point + 1), exponent};
}

// How the numbers of one tensor are written: all alike.
class Format {
 public:
  Format(const std::vector<double>& shown, DType dtype, bool scalar) : dtype_(dtype) {
    if (dtype == DType::boolean) {
      left_ = scalar ? 0 : 5;
      return;
    }
    if (!is_floating(dtype)) {
      for (const double value : shown) left_ = std::max(left_, integer(value).size());
      return;
    }
    double most = 0, least = HUGE_VAL;
    for (const double value : shown)
      if (std::isfinite(value) && value != 0) {
        most = std::max(most, std::fabs(value));
        least = std::min(least, std::fabs(value));
      }
    powers_ = most > 0 && (most >= 1e8 || least < 1e-4 || most / least > 1000);
    for (const double value : shown) {
      if (!std::isfinite(value)) continue;
      const Parts parts = split(value);
      left_ = std::max(left_, parts.left.size());
      right_ = std::max(right_, parts.right.size());
      exponent_ = std::max(exponent_, parts.exponent.size());
    }
    for (const double value : shown)
      if (!std::isfinite(value))
        while (width() < not_finite(value).size()) ++left_;
  }

  std::string operator()(double value) const {
    if (dtype_ == DType::boolean) return padded(value != 0 ? "True" : "False", left_);
    if (!is_floating(dtype_)) return padded(integer(value), left_);
    if (!std::isfinite(value)) return padded(not_finite(value), width());
    Parts parts = split(value);
    const std::string left = padded(parts.left, left_) + '.';
    if (!powers_) return left + parts.right + std::string(right_ - parts.right.size(), ' ');
    parts.exponent.insert(1, exponent_ - parts.exponent.size(), '0');
    return left + parts.right + std::string(right_ - parts.right.size(), '0') + 'e' +
           parts.exponent;
  }

 private:
  static std::string padded(const std::string& text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ') + text;
  }
  static std::string integer(double value) { return std::to_string(static_cast<long long>(value)); }
  static std::string not_finite(double value) {
    return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  }
  Parts split(double value) const {
    return powers_ ? scientific(value, dtype_) : positional(value, dtype_);
  }
  std::size_t width() const { return left_ + 1 + right_ + (powers_ ? 1 + exponent_ : 0); }

  DType dtype_;
  bool powers_ = false;
  std::size_t left_ = 0, right_ = 0, exponent_ = 0;
};

class Printer {
 public:
  Printer(const Tensor& tensor)
      : values_(tensor.to_vector<double>()),
        shape_(tensor.shape()),
        strides_(contiguous_strides(shape_)),
        abbreviate_(tensor.count() > kThreshold),
        format_(shown(), tensor.dtype(), shape_.rank() == 0) {}

  std::string text() const { return shape_.rank() == 0 ? format_(values_[0]) : text(0, 0); }

 private:
  // Calls f(i) for the items of a dimension that are shown, f(−1) for those that are left out.
  template <class F>
  void for_shown(int dim, F f) const {
    const std::int64_t size = shape_[dim];
    for (std::int64_t i = 0; i < size; ++i) {
      if (abbreviate_ && size > 2 * kEdge && i == kEdge) {
        f(-1);
        i = size - kEdge;
      }
      f(i);
    }
  }

  void collect(std::vector<double>& out, int dim, std::int64_t offset) const {
    if (dim == shape_.rank()) {
      out.push_back(values_[static_cast<std::size_t>(offset)]);
      return;
    }
    for_shown(dim, [&](std::int64_t i) {
      if (i >= 0) collect(out, dim + 1, offset + i * strides_[dim]);
    });
  }
  std::vector<double> shown() const {
    std::vector<double> out;
    collect(out, 0, 0);
    return out;
  }

  std::string text(int dim, std::int64_t offset) const {
    const auto depth = static_cast<std::size_t>(dim);
    const bool innermost = dim + 1 == shape_.rank();
    const std::string indent(depth + 1, ' ');
    std::string out = "[";
    std::size_t line = 1 + depth;  // characters of the current line
    bool first = true;
    for_shown(dim, [&](std::int64_t i) {
      const std::int64_t at = offset + i * strides_[dim];
      if (!innermost) {
        if (!first)
          out +=
              ',' + std::string(static_cast<std::size_t>(shape_.rank() - dim - 1), '\n') + indent;
        out += i < 0 ? "..." : text(dim + 1, at);
      } else {
        const std::string word = i < 0 ? "..." : format_(values_[static_cast<std::size_t>(at)]);
        const bool wraps = !first && line + 2 + word.size() > kLineWidth - depth - 1;
        if (!first) out += wraps ? ",\n" + indent : ", ";
        line = (first ? line : wraps ? indent.size() : line + 2) + word.size();
        out += word;
      }
      first = false;
    });
    return out + ']';
  }

  std::vector<double> values_;
  Shape shape_, strides_;
  bool abbreviate_;
  Format format_;
};

}  // namespace

std::string Tensor::text() const {
  if (!defined()) return "undefined";
  if (count() == 0) return "[]";  // as NumPy; the other dimensions may be huge
  return Printer(*this).text();
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << tensor.text(); }

}  // namespace retort
