// Sizes of a tensor's dimensions, strides, and the rules of broadcasting.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

#include "tensor/plan.h"

namespace retort {

/// Up to kMaxRank sizes; rank 0 is a scalar. Also used for strides and permutations.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes);
  explicit Shape(std::span<const std::int64_t> sizes);
  /// `rank` times `value`.
  static Shape filled(int rank, std::int64_t value);

  int rank() const { return rank_; }
  /// Negative dims count from the end; out of range is an error.
  std::int64_t operator[](int dim) const { return sizes_[wrap(dim)]; }
  std::int64_t& operator[](int dim) { return sizes_[wrap(dim)]; }
  /// `dim` as a number in [0, rank); an error when it isn't one.
  int wrap(int dim) const;
  /// Product of the sizes (1 for a scalar); an error when it passes 2^63.
  std::int64_t count() const;
  void append(std::int64_t size);
  void erase(int dim);

  const std::int64_t* begin() const { return sizes_; }
  const std::int64_t* end() const { return sizes_ + rank_; }
  bool operator==(const Shape& other) const;

  /// "[2, 3]"
  std::string text() const;

 private:
  int rank_ = 0;
  std::int64_t sizes_[kMaxRank] = {};
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// Strides of a contiguous (row-major) tensor.
Shape contiguous_strides(const Shape& shape);

/// The shape that both broadcast to (NumPy's rule); an error that starts with `op` otherwise.
Shape broadcast(const Shape& a, const Shape& b, const char* op);

}  // namespace retort
