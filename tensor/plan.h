// What every kernel is handed beside its own arguments: where to run, and loop nests over strided
// memory. Plain data, as tensor/kernels.h.
#pragma once

#include <cstdint>

namespace retort {

inline constexpr int kMaxRank = 8;

/// Where a kernel runs and its scratch memory (see kernels.def).
struct Launch {
  void* stream = nullptr;
  void* workspace = nullptr;
};

/// Sizes and, per operand, strides of a loop nest, outermost first; dimensions that can be merged
/// are.
template <int Operands>
struct Plan {
  int rank = 0;
  std::int64_t size[kMaxRank] = {};
  std::int64_t stride[Operands][kMaxRank] = {};
};

}  // namespace retort
