// Tensors as text, character for character what NumPy 2 gives for np.array2string(x, separator=',
// ') (and for str(x) of a single number): the shortest digits that name each number, at most 8
// behind the point, columns aligned, long lines wrapped, more than 1000 elements abbreviated.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <ostream>

#include "tensor/ops.h"
#include "tensor/tensor.h"

namespace retort {
namespace {

constexpr std::int64_t kThreshold = 1000;  // elements printed in full
constexpr std::int64_t kEdge = 3;          // items at each end of an abbreviated dimension
constexpr int kPrecision = 8;              // digits behind the point
constexpr std::size_t kLineWidth = 75;

// |value| = d.ddd… · 10^exponent with these digits.
struct Decimal {
  std::string digits;
  int exponent = 0;
};

Decimal read_decimal(const char* begin, const char* end) {
  Decimal decimal;
  const char* e = std::find(begin, end, 'e');
  for (const char* c = begin; c != e; ++c)
    if (*c != '.') decimal.digits += *c;
  const char* exponent = e + 1;
  if (*exponent == '+') ++exponent;
  std::from_chars(exponent, end, decimal.exponent);
  return decimal;
}

// `value` ≥ 0, rounded to this many digits behind the first.
Decimal rounded(double value, int precision) {
  char buffer[1200];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value,
                                    std::chars_format::scientific, precision);
  return read_decimal(buffer, result.ptr);
}

// The fewest digits that no other number of this type shares.
Decimal shortest(double value, DType dtype) {
  char buffer[64];
  char* const end = buffer + sizeof buffer;
  if (dtype == DType::f64)
    return read_decimal(buffer,
                        std::to_chars(buffer, end, value, std::chars_format::scientific).ptr);
  if (dtype == DType::f32)
    return read_decimal(
        buffer,
        std::to_chars(buffer, end, static_cast<float>(value), std::chars_format::scientific).ptr);
  for (int precision = 0;; ++precision) {
    const char* const stop =
        std::to_chars(buffer, end, value, std::chars_format::scientific, precision).ptr;
    double read = 0;
    std::from_chars(buffer, stop, read);
    const bool same = dtype == DType::f16 ? f16(read).bits == f16(value).bits
                                          : bf16(read).bits == bf16(value).bits;
    if (same || precision == 16) return read_decimal(buffer, stop);
  }
}

void trim_zeros(std::string& digits, std::size_t keep) {
  while (digits.size() > keep && digits.back() == '0') digits.pop_back();
}

// A number in parts: "-12" and "5" for −12.5; exponent as "+05" or "-100", empty if there is none.
struct Parts {
  std::string whole, fraction, exponent;
};

std::string sign_of(double value) { return std::signbit(value) ? "-" : ""; }

// At most `precision` digits behind the point.
Parts positional(double value, DType dtype, int precision) {
  const double magnitude = std::fabs(value);
  Decimal decimal = shortest(magnitude, dtype);
  const int behind = static_cast<int>(decimal.digits.size()) - 1 - decimal.exponent;
  if (behind > precision) {  // rounds the number itself, not its shortest digits
    char buffer[400];
    char* const end = std::to_chars(buffer, buffer + sizeof buffer, magnitude,
                                    std::chars_format::fixed, precision)
                          .ptr;
    char* const point = std::find(buffer, end, '.');
    Parts parts{sign_of(value) + std::string(buffer, point),
                std::string(point + (point != end), end), ""};
    trim_zeros(parts.fraction, 0);
    return parts;
  }
  const int before = decimal.exponent + 1;  // digits in front of the point
  if (before <= 0)
    return {sign_of(value) + "0",
            std::string(static_cast<std::size_t>(-before), '0') + decimal.digits, ""};
  const auto split = static_cast<std::size_t>(before);
  if (decimal.digits.size() < split) decimal.digits.append(split - decimal.digits.size(), '0');
  Parts parts{sign_of(value) + decimal.digits.substr(0, split), decimal.digits.substr(split), ""};
  trim_zeros(parts.fraction, 0);
  return parts;
}

// At most `precision` digits behind the point, at least `least`.
Parts scientific(double value, DType dtype, int precision, int least) {
  const double magnitude = std::fabs(value);
  Decimal decimal = shortest(magnitude, dtype);
  const int behind = static_cast<int>(decimal.digits.size()) - 1;
  if (behind > precision) decimal = rounded(magnitude, precision);
  else if (behind < least) decimal = rounded(magnitude, least);
  Parts parts{sign_of(value) + decimal.digits[0], decimal.digits.substr(1), ""};
  trim_zeros(parts.fraction, static_cast<std::size_t>(least));
  std::string digits = std::to_string(std::abs(decimal.exponent));
  if (digits.size() < 2) digits.insert(0, "0");
  parts.exponent = (decimal.exponent < 0 ? "-" : "+") + digits;
  return parts;
}

std::string padded(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string not_finite(double value) {
  return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
}

// Powers of ten from here on are written with an exponent: the type has no more whole digits.
double largest_plain(DType dtype) {
  switch (dtype) {
    case DType::f16:
      return 1e3;
    case DType::bf16:
      return 1e2;
    case DType::f32:
      return 1e6;
    default:
      return 1e8;
  }
}

// Floating-point numbers in columns.
class FloatFormat {
 public:
  FloatFormat(const std::vector<double>& values, DType dtype) : dtype_(dtype) {
    double largest = 0, least = INFINITY;
    for (const double value : values) {
      if (!std::isfinite(value) || value == 0) continue;
      largest = std::max(largest, std::fabs(value));
      least = std::min(least, std::fabs(value));
    }
    // NumPy compares and divides in the numbers' own type.
    scientific_ = largest >= largest_plain(dtype) || least < nearest(1e-4, dtype) ||
                  nearest(largest / least, dtype) > 1000;
    for (const double value : values) {
      if (!std::isfinite(value)) continue;
      const Parts parts = scientific_ ? scientific(value, dtype, kPrecision, 0)
                                      : positional(value, dtype, kPrecision);
      whole_ = std::max(whole_, parts.whole.size());
      fraction_ = std::max(fraction_, parts.fraction.size());
      exponent_ = std::max(exponent_, parts.exponent.size());
    }
    behind_ = fraction_ + (scientific_ ? 1 + exponent_ : 0);
    for (const double value : values)
      if (!std::isfinite(value) && not_finite(value).size() > behind_ + 1)
        whole_ = std::max(whole_, not_finite(value).size() - behind_ - 1);
  }

  std::string operator()(double value) const {
    if (!std::isfinite(value)) return padded(not_finite(value), whole_ + behind_ + 1);
    if (scientific_) {
      const int precision = static_cast<int>(fraction_);
      Parts parts = scientific(value, dtype_, precision, precision);
      while (parts.exponent.size() < exponent_) parts.exponent.insert(1, "0");
      return padded(parts.whole, whole_) + "." + parts.fraction + "e" + parts.exponent;
    }
    Parts parts = positional(value, dtype_, kPrecision);
    parts.fraction.append(fraction_ - parts.fraction.size(), ' ');
    return padded(parts.whole, whole_) + "." + parts.fraction;
  }

 private:
  DType dtype_;
  bool scientific_ = false;
  std::size_t whole_ = 0, fraction_ = 0, exponent_ = 0;  // widths
  std::size_t behind_ = 0;                               // everything behind the point
};

// A single number: as many digits as it takes.
std::string scalar_text(double value, DType dtype) {
  if (!std::isfinite(value)) return not_finite(value);
  const double magnitude = std::fabs(value);
  const double limit = dtype == DType::f64 ? 1e16 : largest_plain(dtype);
  if (magnitude != 0 && (magnitude < 1e-4 || magnitude >= limit)) {
    const Parts parts = scientific(value, dtype, 1000, 0);
    return parts.whole + (parts.fraction.empty() ? "" : "." + parts.fraction) + "e" +
           parts.exponent;
  }
  const Parts parts = positional(value, dtype, 1000);
  return parts.whole + "." + (parts.fraction.empty() ? "0" : parts.fraction);
}

// The first and last items of long dimensions only.
Tensor edges(Tensor x) {
  for (int dim = 0; dim < x.rank(); ++dim)
    if (x.size(dim) > 2 * kEdge) {
      const Tensor parts[] = {x.slice(dim, 0, kEdge),
                              x.slice(dim, x.size(dim) - kEdge, x.size(dim))};
      x = ops::concat(parts, dim);
    }
  return x;
}

struct Printer {
  const Shape& shape;   // of the whole tensor
  const Shape& shown;   // of what is printed of it
  const Shape strides;  // in the list of words
  const std::vector<std::string>& words;

  // The part at `offset`, whose first line begins behind `indent`; `width` is left for a line.
  std::string print(int dim, std::int64_t offset, const std::string& indent,
                    std::size_t width) const {
    const bool innermost = dim + 1 == shape.rank();
    std::string text, line = indent;
    for (std::int64_t i = 0; i < shown[dim]; ++i) {
      const bool last = i + 1 == shown[dim];
      if (i == kEdge && shown[dim] < shape[dim]) put(text, line, "...", false, dim, indent, width);
      const std::int64_t at = offset + i * strides[dim];
      put(text, line,
          innermost ? words[static_cast<std::size_t>(at)]
                    : print(dim + 1, at, indent + ' ', width - 1),
          last, dim, indent, width);
    }
    text += line;
    return "[" + text.substr(indent.size()) + "]";
  }

  // Appends an item and what follows it: in the innermost dimension to the line, wrapping before an
  // item that doesn't fit, else as lines of its own.
  void put(std::string& text, std::string& line, const std::string& item, bool last, int dim,
           const std::string& indent, std::size_t width) const {
    if (dim + 1 < shape.rank()) {
      line += item;
      if (last) return;
      text += line + ',' + std::string(static_cast<std::size_t>(shape.rank() - dim - 1), '\n');
      line = indent;
      return;
    }
    if (line.size() + item.size() > width - 1 && line.size() > indent.size()) {
      while (line.back() == ' ') line.pop_back();
      text += line + '\n';
      line = indent;
    }
    line += item;
    if (!last) line += ", ";
  }
};

template <class T>
std::vector<std::string> integer_words(const Tensor& x) {
  std::vector<std::string> words;
  std::size_t width = 0;
  for (const T value : x.to_vector<T>()) {
    words.push_back(std::to_string(value));
    width = std::max(width, words.back().size());
  }
  for (std::string& word : words) word = padded(word, width);
  return words;
}

std::vector<std::string> words_of(const Tensor& x) {
  std::vector<std::string> words;
  if (x.dtype() == DType::boolean) {
    for (const std::int32_t value : x.to_vector<std::int32_t>())
      words.emplace_back(value ? " True" : "False");
  } else if (!is_floating(x.dtype())) {
    words = integer_words<std::int64_t>(x);
  } else {
    const auto values = x.to_vector<double>();
    const FloatFormat format(values, x.dtype());
    for (const double value : values) words.push_back(format(value));
  }
  return words;
}

}  // namespace

std::string Tensor::text() const {
  if (!defined()) return "undefined";
  if (count() == 0) return "[]";  // as NumPy; the other dimensions may be huge
  if (rank() == 0 && is_floating(dtype_)) return scalar_text(item(), dtype_);
  if (rank() == 0) {
    const std::string word = words_of(*this)[0];
    return word.substr(word.find_first_not_of(' '));
  }
  const Tensor shown = count() > kThreshold ? edges(*this) : *this;
  const std::vector<std::string> words = words_of(shown);
  const Printer printer{shape_, shown.shape_, contiguous_strides(shown.shape_), words};
  return printer.print(0, 0, " ", kLineWidth);
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << tensor.text(); }

}  // namespace retort
