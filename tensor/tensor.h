// Tensor: a value handle on numbers in memory. Copying shares; nothing here knows gradients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/memory.h"
#include "tensor/shape.h"

namespace retort {

/// Writes to a tensor that its owner has put off, and makes up for before anybody reads: an optimiser
/// leaves rows of an embedding alone until somebody looks at them. To everyone else the tensor already
/// has its new value.
class DeferredWrites {
 public:
  virtual ~DeferredWrites() = default;
  /// Makes up for all of them.
  virtual void settle() = 0;
  /// For those to these rows, where the reader takes the tensor for a matrix of `columns` columns.
  virtual void settle_rows(std::span<const std::int32_t> rows, std::int64_t columns) = 0;
};

/// Memory that tensors share: a block of the caching allocator, or borrowed bytes (a mapped file).
/// `version` counts in-place writes, so that a saved value that changed is noticed.
struct Storage {
  CachingAllocator::Block block;
  std::shared_ptr<const void> owner;  ///< keeps borrowed bytes alive; null for our own
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  std::uint64_t version = 0;
  DeferredWrites* deferred = nullptr;  ///< whoever sets it takes it away again; usually nobody does
  bool read_only = false;

  explicit Storage(std::size_t size);
  Storage(std::shared_ptr<const void> owner, const void* data, std::size_t bytes);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
};

class Tensor {
 public:
  /// No tensor at all; defined() is false.
  Tensor() = default;

  static Tensor empty(const Shape& shape, DType dtype = DType::f32);  ///< values are undefined
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32);
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32);
  static Tensor scalar(double value, DType dtype = DType::f32) { return full({}, value, dtype); }
  /// A copy of `values`, whose number must be shape.count().
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape);
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape) {
    return from(std::span<const T>(values), shape);
  }
  template <class T>
  static Tensor from(const std::vector<T>& values) {
    return from(values, {static_cast<std::int64_t>(values.size())});
  }
  /// Read-only bytes that `owner` keeps alive, used in place.
  static Tensor borrow(std::shared_ptr<const void> owner, const void* data, const Shape& shape,
                       DType dtype);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  const Shape& strides() const { return strides_; }
  int rank() const { return shape_.rank(); }
  std::int64_t size(int dim) const { return shape_[dim]; }
  std::int64_t count() const { return shape_.count(); }
  DType dtype() const { return dtype_; }
  bool is_contiguous() const;
  const std::shared_ptr<Storage>& storage() const { return storage_; }

  /// The first element. T must match the dtype; the mutable one is an error for read-only memory.
  template <class T>
  const T* data() const;
  template <class T>
  T* mutable_data();
  const void* raw() const;  ///< an error for an undefined tensor
  void* mutable_raw();      ///< also counts as a write
  /// raw() for a reader of a contiguous matrix who looks at these rows alone.
  const void* raw_rows(std::span<const std::int32_t> rows) const;
  /// raw() for whoever has put writes off (see DeferredWrites): settles nothing, counts nothing.
  void* unsettled_raw() const;
  /// The only element's value.
  double item() const;
  /// All elements in row-major order, converted.
  template <class T>
  std::vector<T> to_vector() const;

  // Views: they share memory.
  Tensor reshape(const Shape& shape) const;  ///< one size may be −1; copies only if it must
  Tensor permute(const Shape& dims) const;
  Tensor transpose(int a = -2, int b = -1) const;
  /// Every step-th element of [begin, end) along dim, step ≥ 1.
  Tensor slice(int dim, std::int64_t begin, std::int64_t end, std::int64_t step = 1) const;
  /// Backwards along these dimensions. Its strides are negative, which only copies understand.
  Tensor reversed(std::span<const int> dims) const;
  Tensor expand(const Shape& shape) const;  ///< broadcasts without copying (stride 0)

  /// This tensor if it is contiguous, else a contiguous copy.
  Tensor contiguous() const;
  Tensor clone() const;
  /// Same numbers in another type (itself if it already has it).
  Tensor to(DType dtype) const;
  /// Overwrites the elements with those of `other` (same shape; converts).
  void copy_from(const Tensor& other);

  /// NumPy-like text; long dimensions are abbreviated.
  std::string text() const;

 private:
  std::shared_ptr<Storage> storage_;
  std::int64_t offset_ = 0;
  Shape shape_;
  Shape strides_;
  DType dtype_ = DType::f32;
};

std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace retort
