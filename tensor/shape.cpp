#include "tensor/shape.h"

#include <algorithm>
#include <ostream>

#include "tensor/base/error.h"

namespace retort {

Shape::Shape(std::initializer_list<std::int64_t> sizes)
    : Shape(std::span<const std::int64_t>(sizes.begin(), sizes.size())) {}

Shape::Shape(std::span<const std::int64_t> sizes) {
  for (const std::int64_t size : sizes) append(size);
}

Shape Shape::filled(int rank, std::int64_t value) {
  Shape shape;
  for (int dim = 0; dim < rank; ++dim) shape.append(value);
  return shape;
}

int Shape::wrap(int dim) const {
  const int wrapped = dim < 0 ? dim + rank_ : dim;
  check(wrapped >= 0 && wrapped < rank_, "shape ", *this, ": has no dimension ", dim);
  return wrapped;
}

std::int64_t Shape::count() const {
  std::int64_t product = 1;
  bool overflow = false;
  for (const std::int64_t size : *this) {
    if (size == 0) return 0;
    overflow = __builtin_mul_overflow(product, size, &product) || overflow;
  }
  check(!overflow, "shape ", *this, ": is too large");
  return product;
}

void Shape::append(std::int64_t size) {
  check(rank_ < kMaxRank, "shape: more than ", kMaxRank, " dimensions");
  sizes_[rank_++] = size;
}

void Shape::erase(int dim) {
  dim = wrap(dim);
  std::copy(sizes_ + dim + 1, sizes_ + rank_, sizes_ + dim);
  --rank_;
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::string Shape::text() const {
  std::string out = "[";
  for (int dim = 0; dim < rank_; ++dim) out += (dim ? ", " : "") + std::to_string(sizes_[dim]);
  return out + "]";
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.text(); }

Shape contiguous_strides(const Shape& shape) {
  Shape strides = shape;
  // Unsigned: beside a size of 0 the others may be so large that the product wraps around.
  std::uint64_t stride = 1;
  for (int dim = shape.rank() - 1; dim >= 0; --dim) {
    strides[dim] = static_cast<std::int64_t>(stride);
    stride *= static_cast<std::uint64_t>(shape[dim]);
  }
  return strides;
}

Shape broadcast(const Shape& a, const Shape& b, const char* op) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  for (int back = 1; back <= shorter.rank(); ++back) {
    const std::int64_t x = longer[-back], y = shorter[-back];
    check(x == y || x == 1 || y == 1, op, ": shapes ", a, " and ", b, " don't broadcast");
    result[-back] = x == 1 ? y : x;
  }
  return result;
}

}  // namespace retort
