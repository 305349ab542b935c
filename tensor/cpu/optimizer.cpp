// What an optimiser does to a parameter: the squared norm of a gradient, and AdamW's update in one
// pass over parameter, gradient and both moments.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

// In f64 throughout, since x² may overflow T. Sixteen running sums, whatever the vectors' width.
template <class T>
double sum_of_squares_of(const T* x, std::int64_t n) {
  constexpr int kSums = 16;
  double part[kSums] = {};
  for (; n >= kSums; n -= kSums, x += kSums)
    for (int k = 0; k < kSums; ++k)
      part[k] += static_cast<double>(x[k]) * static_cast<double>(x[k]);
  for (std::int64_t k = 0; k < n; ++k)
    part[k] += static_cast<double>(x[k]) * static_cast<double>(x[k]);
  double total = 0;
  for (double p : part) total += p;
  return total;
}

template <class T>
void sum_of_squares(const Launch&, const SumOfSquaresArgs& args) {
  const T* x = static_cast<const T*>(args.x);
  *args.sum += sum_chunks(args.count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    return sum_of_squares_of(x + begin, end - begin);
  });
}

template <class T>
void adamw(const Launch&, const AdamwArgs& args) {
  using V = Vec<T>;
  const AdamwStep& step = *args.step;
  const V decay = broadcast<V>(static_cast<T>(1 - step.learning_rate * step.weight_decay));
  const V scale = broadcast<V>(static_cast<T>(step.gradient_scale));
  const V beta1 = broadcast<V>(static_cast<T>(step.beta1));
  const V beta2 = broadcast<V>(static_cast<T>(step.beta2));
  const V rest1 = broadcast<V>(static_cast<T>(1 - step.beta1));
  const V rest2 = broadcast<V>(static_cast<T>(1 - step.beta2));
  const V rate = broadcast<V>(static_cast<T>(step.learning_rate / step.correction1));
  const V root2 = broadcast<V>(static_cast<T>(std::sqrt(step.correction2)));
  const V epsilon = broadcast<V>(static_cast<T>(step.epsilon));
  parallel_ranges(args.count, kGrain, [&](std::int64_t begin, std::int64_t end, int) {
    T* parameter = static_cast<T*>(args.parameter) + begin;
    const T* gradient = static_cast<const T*>(args.gradient) + begin;
    T* m = static_cast<T*>(args.m) + begin;
    T* v = static_cast<T*>(args.v) + begin;
    sweep<T>(end - begin, [&](std::int64_t i, auto lanes) {
      const V g = scale * load(gradient + i, lanes);
      const V new_m = beta1 * load(m + i, lanes) + rest1 * g;
      const V new_v = beta2 * load(v + i, lanes) + rest2 * g * g;
      const V p = load(parameter + i, lanes) * decay;
      store(m + i, new_m, lanes);
      store(v + i, new_v, lanes);
      store(parameter + i, p - rate * new_m / (sqrt(new_v) / root2 + epsilon), lanes);
    });
  });
}

}  // namespace

RETORT_EXPORT_F32_F64(sum_of_squares, SumOfSquaresArgs)
RETORT_EXPORT_F32_F64(adamw, AdamwArgs)

}  // namespace retort::isa::RETORT_ISA
