// Argument structs of the losses; kernels.h says what S and T are.
//
// Every loss is loss[0] = factor[0] · Σ of what its comment says over the rows that count; factor
// is one over the number of terms in the whole optimiser step, so that micro-batches add up to the
// mean. loss and dloss: T. labels (i32 [rows], null: every row counts) are class ids where a loss
// needs some; a row whose label is −100 doesn't count: it is not read, and its gradient is 0. No
// such row at all gives a loss of 0.
#pragma once

#include <cstdint>

namespace retort {

/// logits: [rows, columns]; lse: T [rows], saved. Σ over rows of (lse − logits[label]).
struct CrossEntropyArgs {
  const void* logits;
  const std::int32_t* labels;
  void* loss;
  void* lse;
  std::int64_t rows, columns;
  const double* factor;
};

/// dlogits = dloss[0] · factor[0] · (softmax(logits) − onehot(label)).
struct CrossEntropyBackwardArgs {
  const void* dloss;
  const void* logits;
  const std::int32_t* labels;
  const void* lse;
  void* dlogits;
  std::int64_t rows, columns;
  const double* factor;
};

/// student, teacher: logits [rows, columns]. With p = softmax(teacher / temperature), q =
/// softmax(student / temperature) and m = beta·p + (1 − beta)·q, the Jensen-Shannon divergence
/// (Agarwal et al. 2024, "GKD", eq. 1) Σ beta·KL(p‖m) + (1 − beta)·KL(q‖m); at the ends, by
/// definition, KL(p‖q) for beta = 0 and KL(q‖p) for beta = 1. In log space: finite for any finite
/// logits. A class whose teacher logit is −∞ has p = 0; for beta = 1 it is taken away from the
/// student, too, since KL(q‖p) would be infinite. The T² factor of Hinton et al. is the objective's
/// business, not the kernel's. statistics: T [rows, 4], saved for the derivative: of the teacher
/// and then of the student what is subtracted from the logits, and log Σ exp of what that leaves
/// over the temperature.
struct KlDivergenceArgs {
  const void* student;
  const void* teacher;
  const std::int32_t* labels;
  void* loss;
  void* statistics;
  std::int64_t rows, columns;
  double temperature;
  double beta;
  const double* factor;
};

/// dstudent = dloss[0] · factor[0] · (q − p) / temperature for beta = 0, else dloss[0] · factor[0]
/// · q · (g − Σ q·g) / temperature with g = log(q / p) for beta = 1 and (1 − beta) · log(q / m)
/// between.
struct KlDivergenceBackwardArgs {
  KlDivergenceArgs forward;  // without loss and statistics
  const void* dloss;
  const void* statistics;
  void* dstudent;
};

/// logits: [rows, columns]; targets: T [rows, columns] in [0, 1]; positive_weight w: T [columns] or
/// null (all 1). Σ over rows and columns of −w·y·log σ(x) − (1 − y)·log(1 − σ(x)).
struct BinaryCrossEntropyArgs {
  const void* logits;
  const void* targets;
  const void* positive_weight;
  const std::int32_t* labels;
  void* loss;
  std::int64_t rows, columns;
  const double* factor;
};

/// dlogits = dloss[0] · factor[0] · ((1 − y)·σ(x) − w·y·σ(−x)).
struct BinaryCrossEntropyBackwardArgs {
  BinaryCrossEntropyArgs forward;  // loss isn't read
  const void* dloss;
  void* dlogits;
};

/// What an error e costs: e², or with Huber's form ½e²/beta where |e| < beta and |e| − ½beta
/// elsewhere.
enum class ErrorCost : int { squared, smooth_l1 };

/// a, b: [rows, columns]. Σ over rows and columns of cost(a − b).
struct ErrorLossArgs {
  ErrorCost cost;
  double beta;  // of smooth_l1; 0: |e|
  const void* a;
  const void* b;
  const std::int32_t* labels;
  void* loss;
  std::int64_t rows, columns;
  const double* factor;
};

/// da = dloss[0] · factor[0] · cost'(a − b).
struct ErrorLossBackwardArgs {
  ErrorLossArgs forward;  // loss isn't read
  const void* dloss;
  void* da;
};

/// a, b: [rows, columns]. similarity = a·b / (a_norm · b_norm) with a_norm = max(‖a‖, epsilon) and
/// b_norm likewise; the three: T [rows], the norms saved for the derivative. (No loss: no factor,
/// no labels.)
struct CosineSimilarityArgs {
  const void* a;
  const void* b;
  void* similarity;
  void* a_norm;
  void* b_norm;
  std::int64_t rows, columns;
  double epsilon;
};

/// da = dy · (b / b_norm − similarity · a / a_norm) / a_norm, without the second term where ‖a‖ ≤
/// epsilon. dy: T [rows]. For db, swap a and b.
struct CosineSimilarityBackwardArgs {
  const void* dy;
  const void* a;
  const void* b;
  const void* similarity;
  const void* a_norm;
  const void* b_norm;
  void* da;
  std::int64_t rows, columns;
  double epsilon;
};

}  // namespace retort
