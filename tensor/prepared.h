// Prepared: copies of a weight in the forms that matrix products read fastest.
//
// A product packs its right operand on every call. A weight that is used again (a frozen teacher's,
// or any weight within an optimiser step) is packed once and kept here, beside its parameter, in
// each form that was asked for: as it lies and transposed, in f32 or rounded to bf16. A copy
// belongs to one version of the weight and one kernel table; with another one it is made anew in
// its place. Packing ahead changes no bit of a product.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "tensor/tensor.h"

namespace retort {

class Prepared {
 public:
  /// The matrix b [k, n] (any strides), rounded to `compute` and packed for the kernel table in
  /// use; undefined when that table multiplies this type only by way of another. The pages of a
  /// mapped weight are given back: the copy takes their place in memory.
  Tensor packed(const Tensor& b, DType compute);

  /// Copies that are kept now.
  std::size_t copies() const;
  /// How often one was made.
  std::int64_t made() const;

 private:
  struct Copy {
    std::weak_ptr<Storage> storage;  // not an address, which other memory may get later
    const void* data = nullptr;
    Shape shape, strides;
    DType compute = DType::f32;
    std::uint64_t version = 0;
    const char* isa = nullptr;
    Tensor packed;
  };
  mutable std::mutex mutex_;
  std::vector<Copy> copies_;
  std::int64_t made_ = 0;
};

}  // namespace retort
