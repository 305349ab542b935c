#include "tensor/tensor.h"

#include <algorithm>
#include <cstring>
#include <ostream>

#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {

Storage::Storage(std::size_t size) : block(cpu_allocator().allocate(size)), bytes(size) {
  data = static_cast<std::byte*>(block.data);
}
Storage::Storage(std::shared_ptr<const void> owner_, const void* data_, std::size_t bytes_)
    : owner(std::move(owner_)),
      data(static_cast<std::byte*>(const_cast<void*>(data_))),
      bytes(bytes_),
      read_only(true) {}
Storage::~Storage() { cpu_allocator().release(block); }

namespace {

// Bytes of a tensor; hostile sizes are errors.
std::size_t byte_count(const Shape& shape, DType dtype) {
  for (const std::int64_t size : shape) check(size >= 0, "tensor: a size in ", shape, " is negative");
  const std::int64_t limit = (std::int64_t{1} << 46) / static_cast<std::int64_t>(size_of(dtype));
  check(shape.count() < limit, "tensor: ", shape, " is too large");
  return static_cast<std::size_t>(shape.count()) * size_of(dtype);
}

// Strides with which elements in memory as `shape` and `strides` say read as `wanted`, in the same
// order; false where there are none. Neither shape has a size of 0, and their counts are equal.
bool view_strides(const Shape& shape, const Shape& strides, const Shape& wanted, Shape& result) {
  Shape sizes, steps;  // the dimensions that have more than one index
  for (int dim = 0; dim < shape.rank(); ++dim)
    if (shape[dim] != 1) {
      sizes.append(shape[dim]);
      steps.append(strides[dim]);
    }
  result = Shape::filled(wanted.rank(), 1);
  int from = 0;
  for (int to = 0; to < wanted.rank();) {
    if (wanted[to] == 1) {
      ++to;
      continue;
    }
    // The shortest runs of dimensions with as many elements on either side.
    int from_end = from + 1, to_end = to + 1;
    std::int64_t old_count = sizes[from], new_count = wanted[to];
    while (old_count != new_count) {
      if (new_count < old_count) new_count *= wanted[to_end++];
      else old_count *= sizes[from_end++];
    }
    for (int dim = from; dim + 1 < from_end; ++dim)
      if (steps[dim] != sizes[dim + 1] * steps[dim + 1]) return false;
    std::int64_t step = steps[from_end - 1];
    for (int dim = to_end - 1; dim >= to; --dim) {
      result[dim] = step;
      step *= wanted[dim];
    }
    from = from_end;
    to = to_end;
  }
  return true;
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, DType dtype) {
  Tensor result;
  result.storage_ = std::make_shared<Storage>(byte_count(shape, dtype));
  result.shape_ = shape;
  result.strides_ = contiguous_strides(shape);
  result.dtype_ = dtype;
  return result;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) {
  Tensor result = empty(shape, dtype);
  if (result.count() > 0) std::memset(result.storage_->data, 0, result.storage_->bytes);
  return result;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor result = empty(shape, dtype);
  ops::fill(result, value);
  return result;
}

Tensor Tensor::borrow(std::shared_ptr<const void> owner, const void* data, const Shape& shape,
                      DType dtype) {
  Tensor result;
  result.storage_ = std::make_shared<Storage>(std::move(owner), data, byte_count(shape, dtype));
  result.shape_ = shape;
  result.strides_ = contiguous_strides(shape);
  result.dtype_ = dtype;
  return result;
}

template <class T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape) {
  check(static_cast<std::int64_t>(values.size()) == shape.count(), "tensor: ", values.size(),
        " values can't fill ", shape);
  Tensor result = empty(shape, dtype_of<T>);
  if (!values.empty()) std::memcpy(result.storage_->data, values.data(), values.size_bytes());
  return result;
}

bool Tensor::is_contiguous() const {
  if (count() == 0) return true;
  std::int64_t expected = 1;
  for (int dim = rank() - 1; dim >= 0; --dim) {
    if (shape_[dim] != 1 && strides_[dim] != expected) return false;
    expected *= shape_[dim];
  }
  return true;
}

template <class T>
const T* Tensor::data() const {
  check(defined() && dtype_ == dtype_of<T>, "tensor: expected ", name(dtype_of<T>), ", found ",
        defined() ? name(dtype_) : "nothing");
  return static_cast<const T*>(raw());
}

template <class T>
T* Tensor::mutable_data() {
  check(defined() && dtype_ == dtype_of<T>, "tensor: expected ", name(dtype_of<T>), ", found ",
        defined() ? name(dtype_) : "nothing");
  return static_cast<T*>(mutable_raw());
}

const void* Tensor::raw() const {
  check(defined(), "tensor: expected a tensor, found an undefined one");
  if (storage_->deferred) storage_->deferred->settle();
  return unsettled_raw();
}

const void* Tensor::raw_rows(std::span<const std::int32_t> rows) const {
  if (!defined() || !storage_->deferred || offset_ != 0 || rank() != 2 || !is_contiguous()) return raw();
  storage_->deferred->settle_rows(rows, shape_[1]);
  return unsettled_raw();
}

void* Tensor::unsettled_raw() const {
  return storage_->data + offset_ * static_cast<std::int64_t>(size_of(dtype_));
}

void* Tensor::mutable_raw() {
  check(defined(), "tensor: expected a tensor, found an undefined one");
  check(!storage_->read_only, "tensor: ", shape_, " is read-only (a mapped file or frozen weight)");
  ++storage_->version;
  return const_cast<void*>(raw());
}

double Tensor::item() const {
  check(defined(), "tensor: expected one element, found nothing");
  check(count() == 1, "tensor: expected one element, found ", shape_);
  return to_vector<double>()[0];
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  const Tensor converted = to(dtype_of<T>).contiguous();
  const T* first = static_cast<const T*>(converted.raw());
  return {first, first + count()};
}

Tensor Tensor::reshape(const Shape& wanted) const {
  Shape shape = wanted;
  int open = -1;
  for (int dim = 0; dim < shape.rank(); ++dim) {
    check(shape[dim] >= -1, "reshape: a size in ", wanted, " is negative");
    if (shape[dim] != -1) continue;
    check(open < 0, "reshape: ", wanted, " leaves two sizes open");
    open = dim;
  }
  if (open >= 0) {
    shape[open] = 1;
    const std::int64_t known = shape.count();
    check(known > 0, "reshape: ", wanted, " leaves a size open that its zeros don't determine");
    shape[open] = count() / known;
  }
  check(shape.count() == count(), "reshape: ", shape_, " has ", count(), " elements and ", wanted,
        " has another number");
  Tensor result = *this;
  result.shape_ = shape;
  if (is_contiguous()) {
    result.strides_ = contiguous_strides(shape);
  } else if (!view_strides(shape_, strides_, shape, result.strides_)) {
    result = clone();
    result.shape_ = shape;
    result.strides_ = contiguous_strides(shape);
  }
  return result;
}

Tensor Tensor::permute(const Shape& dims) const {
  check(dims.rank() == rank(), "permute: ", dims, " doesn't name every dimension of ", shape_, " once");
  Tensor result = *this;
  bool seen[kMaxRank] = {};
  for (int dim = 0; dim < rank(); ++dim) {
    const int from = shape_.wrap(static_cast<int>(dims[dim]));
    check(!seen[from], "permute: ", dims, " names a dimension twice");
    seen[from] = true;
    result.shape_[dim] = shape_[from];
    result.strides_[dim] = strides_[from];
  }
  return result;
}

Tensor Tensor::transpose(int a, int b) const {
  Tensor result = *this;
  std::swap(result.shape_[a], result.shape_[b]);
  std::swap(result.strides_[a], result.strides_[b]);
  return result;
}

Tensor Tensor::slice(int dim, std::int64_t begin, std::int64_t end, std::int64_t step) const {
  check(begin >= 0 && begin <= end && end <= shape_[dim], "slice: [", begin, ", ", end,
        ") is outside of dimension ", dim, " of ", shape_);
  check(step >= 1, "slice: expected a step of at least 1, found ", step, "; flip() goes backwards");
  Tensor result = *this;
  result.offset_ += begin * strides_[dim];
  result.shape_[dim] = begin == end ? 0 : (end - begin - 1) / step + 1;
  result.strides_[dim] = result.shape_[dim] > 1 ? strides_[dim] * step : strides_[dim];
  return result;
}

Tensor Tensor::reversed(std::span<const int> dims) const {
  Tensor result = *this;
  bool seen[kMaxRank] = {};
  for (const int named : dims) {
    const int dim = shape_.wrap(named);
    check(!seen[dim], "flip: dimension ", named, " of ", shape_, " is named twice");
    seen[dim] = true;
    if (shape_[dim] == 0) continue;
    result.offset_ += (shape_[dim] - 1) * strides_[dim];
    result.strides_[dim] = -strides_[dim];
  }
  return result;
}

Tensor Tensor::expand(const Shape& shape) const {
  for (const std::int64_t size : shape) check(size >= 0, "expand: a size in ", shape, " is negative");
  check(broadcast(shape_, shape, "expand") == shape, "expand: ", shape_, " doesn't broadcast to ", shape);
  Tensor result = *this;
  result.shape_ = shape;
  result.strides_ = Shape::filled(shape.rank(), 0);
  for (int back = 1; back <= rank(); ++back)
    if (shape_[-back] == shape[-back]) result.strides_[-back] = strides_[-back];
  return result;
}

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }

Tensor Tensor::clone() const {
  Tensor result = empty(shape_, dtype_);
  ops::copy(*this, result);
  return result;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor result = empty(shape_, dtype);
  ops::copy(*this, result);
  return result;
}

void Tensor::copy_from(const Tensor& other) {
  check(shape_ == other.shape_, "copy: expected ", shape_, ", found ", other.shape_);
  ops::copy(other, *this);
}

#define RETORT_INSTANTIATE(T)                                         \
  template Tensor Tensor::from<T>(std::span<const T>, const Shape&);  \
  template const T* Tensor::data<T>() const;                          \
  template T* Tensor::mutable_data<T>();                              \
  template std::vector<T> Tensor::to_vector<T>() const;
RETORT_INSTANTIATE(float)
RETORT_INSTANTIATE(double)
RETORT_INSTANTIATE(f16)
RETORT_INSTANTIATE(bf16)
RETORT_INSTANTIATE(std::int32_t)
RETORT_INSTANTIATE(std::int64_t)
#undef RETORT_INSTANTIATE

}  // namespace retort
