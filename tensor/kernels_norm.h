// Argument structs of softmax and the norms; kernels.h says what S and T are.
#pragma once

#include <cstdint>

namespace retort {

/// x, y: [rows, columns]. y = softmax(x) along columns, or log_softmax.
struct SoftmaxArgs {
  const void* x;
  void* y;
  std::int64_t rows, columns;
  bool log;
};

/// dx = y · (dy − Σ dy·y), or for log_softmax dx = dy − exp(y) · Σ dy.
struct SoftmaxBackwardArgs {
  const void* dy;
  const void* y;
  void* dx;
  std::int64_t rows, columns;
  bool log;
};

/// x, y: [rows, columns]; weight, bias: T [columns]. y = (x − mean)·rstd·weight + bias with
/// rstd = 1/√(biased variance + epsilon); mean, rstd: T [rows], saved for the derivative.
struct LayerNormArgs {
  const void* x;
  const void* weight;
  const void* bias;
  void* y;
  void* mean;
  void* rstd;
  std::int64_t rows, columns;
  double epsilon;
};

/// dx: [rows, columns]; dweight, dbias: T [columns]; any of the three may be null.
struct LayerNormBackwardArgs {
  const void* dy;
  const void* x;
  const void* weight;
  const void* mean;
  const void* rstd;
  void* dx;
  void* dweight;
  void* dbias;
  std::int64_t rows, columns;
};

/// x, y: [rows, columns]; weight: T [columns]. y = x·rstd·(weight_offset + weight) with
/// rstd = 1/√(mean of x² + epsilon); rstd: T [rows], saved for the derivative.
struct RmsNormArgs {
  const void* x;
  const void* weight;
  void* y;
  void* rstd;
  std::int64_t rows, columns;
  double epsilon;
  double weight_offset;
};

/// dx: [rows, columns]; dweight: T [columns]; either may be null.
struct RmsNormBackwardArgs {
  const void* dy;
  const void* x;
  const void* weight;
  const void* rstd;
  void* dx;
  void* dweight;
  std::int64_t rows, columns;
  double weight_offset;
};

/// y = x·scale, scale = 1/√(Σ x² + epsilon) per row; x, y: [rows, columns]; scale: [rows] of T,
/// saved for the derivative.
struct NormalizeArgs {
  const void* x;
  void* y;
  void* scale;
  std::int64_t rows, columns;
  double epsilon;
};

/// dx = scale·(dy − y·Σ dy·y), Σ along the row.
struct NormalizeBackwardArgs {
  const void* dy;
  const void* y;
  const void* scale;
  void* dx;
  std::int64_t rows, columns;
};

}  // namespace retort
