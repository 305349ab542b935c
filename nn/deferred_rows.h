// AdamW on a parameter whose gradient is a few rows.
//
// AdamW moves every row in every step: weights decay, and momentum goes on moving what has no
// gradient any more. For an embedding of 30,000 rows of which a batch touches 500 that is most of
// the optimiser's time. So rows without a gradient are left alone, and take the steps that they
// lack, one by one and in the same arithmetic, when somebody is about to read them: the bits are
// those of the dense optimiser. Whoever reads the tensors needn't know (see DeferredWrites).
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "tensor/kernels.h"
#include "tensor/row_sparse.h"
#include "tensor/tensor.h"

namespace retort {

class DeferredRows final : public DeferredWrites {
 public:
  /// parameter, m, v: contiguous matrices of one shape. While this lives, their storages settle
  /// with it.
  DeferredRows(Tensor parameter, Tensor m, Tensor v);
  /// Settles.
  ~DeferredRows() override;
  DeferredRows(const DeferredRows&) = delete;
  DeferredRows& operator=(const DeferredRows&) = delete;

  /// Whether it works on this parameter.
  bool is_for(const Tensor& parameter) const { return parameter.storage() == parameter_.storage(); }
  /// One step: now for the rows of the gradient, later for the others.
  void step(const RowSparse& gradient, const AdamwStep& step);

  void settle() override;
  void settle_rows(std::span<const std::int32_t> rows, std::int64_t columns) override;

 private:
  void settle_locked();
  Tensor parameter_, m_, v_;
  std::mutex mutex_;
  std::vector<AdamwStep> steps_;    // that some row may lack
  std::vector<std::int32_t> done_;  // how many of them each row has taken
};

}  // namespace retort
