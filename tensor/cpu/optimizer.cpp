// What an optimiser does to a parameter: the squared norm of a gradient, and AdamW's update in one
// pass over parameter, gradient and both moments. Each comes for a whole tensor and for some rows
// of a matrix, in one arithmetic, so that rows which are brought up to date late have the same
// bits.
#include "tensor/cpu/export.h"
#include "tensor/cpu/rows.h"

namespace retort::isa::RETORT_ISA {
namespace {

// ---- Squares ----

// Running sums, whatever the vectors' width: number i of a chunk goes to sum i mod kSums.
constexpr int kSums = 16;

// Adds the squares of x[0, n), which stand at `offset` of their chunk. In f64, since x² may
// overflow T.
template <class T>
RETORT_INLINE void add_squares(double (&sums)[kSums], std::int64_t offset, const T* x,
                               std::int64_t n) {
  const auto square = [](T value) {
    return static_cast<double>(value) * static_cast<double>(value);
  };
  for (; n > 0 && offset % kSums != 0; --n, ++x, ++offset) sums[offset % kSums] += square(*x);
  for (; n >= kSums; n -= kSums, x += kSums) {
    fetch_ahead(x);
    for (int k = 0; k < kSums; ++k) sums[k] += square(x[k]);
  }
  for (std::int64_t k = 0; k < n; ++k) sums[k] += square(x[k]);
}

RETORT_INLINE double total(const double (&sums)[kSums]) {
  double result = 0;
  for (const double sum : sums) result += sum;
  return result;
}

template <class T>
void sum_of_squares(const Launch&, const SumOfSquaresArgs& args) {
  const T* x = static_cast<const T*>(args.x);
  *args.sum += sum_chunks(args.count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    double sums[kSums] = {};
    add_squares(sums, 0, x + begin, end - begin);
    return total(sums);
  });
}

// The chunks of the whole matrix, of which zeros are left out: adding 0 changes no bit of a sum.
template <class T>
void sum_of_squares_rows(const Launch&, const SumOfSquaresRowsArgs& args) {
  const std::int64_t columns = args.columns;
  const T* rows = static_cast<const T*>(args.rows);
  const auto chunk = [&](std::int64_t begin, std::int64_t end) {
    double sums[kSums] = {};
    std::int64_t row = 0;  // the first one that reaches into the chunk
    for (std::int64_t count = args.count; count > 0;) {
      const std::int64_t half = count / 2;
      if ((args.ids[row + half] + std::int64_t{1}) * columns <= begin) {
        row += half + 1;
        count -= half + 1;
      } else {
        count = half;
      }
    }
    for (; row < args.count && args.ids[row] * columns < end; ++row) {
      const std::int64_t start = args.ids[row] * columns;  // in the matrix
      const std::int64_t from = larger(begin, start), to = smaller(end, start + columns);
      add_squares(sums, from - begin, rows + row * columns + (from - start), to - from);
    }
    return total(sums);
  };
  *args.sum += sum_chunks(args.table_rows * columns, kGrain, chunk);
}

// ---- AdamW ----

// A step's constants: numbers (N = T), or vectors of equal ones. 1/√correction2 is a factor, which
// spares one of torch's two divisions for the last bit of the denominator.
template <class N>
struct Coefficients {
  N decay, scale, beta1, beta2, rest1, rest2, rate, inverse_root2, epsilon;
};

template <class T>
RETORT_INLINE Coefficients<T> coefficients(const AdamwStep& step) {
  return {static_cast<T>(1 - step.learning_rate * step.weight_decay),
          static_cast<T>(step.gradient_scale),
          static_cast<T>(step.beta1),
          static_cast<T>(step.beta2),
          static_cast<T>(1 - step.beta1),
          static_cast<T>(1 - step.beta2),
          static_cast<T>(step.learning_rate / step.correction1),
          static_cast<T>(1 / std::sqrt(step.correction2)),
          static_cast<T>(step.epsilon)};
}

template <class T>
RETORT_INLINE Coefficients<Vec<T>> spread(const Coefficients<T>& c) {
  using V = Vec<T>;
  return {broadcast<V>(c.decay), broadcast<V>(c.scale),         broadcast<V>(c.beta1),
          broadcast<V>(c.beta2), broadcast<V>(c.rest1),         broadcast<V>(c.rest2),
          broadcast<V>(c.rate),  broadcast<V>(c.inverse_root2), broadcast<V>(c.epsilon)};
}

// Parameters with their moments.
template <class V>
struct Weights {
  V p, m, v;
};

template <class V>
RETORT_INLINE void advance(Weights<V>& w, V gradient, const Coefficients<V>& c) {
  const V g = c.scale * gradient;
  w.m = c.beta1 * w.m + c.rest1 * g;
  w.v = c.beta2 * w.v + c.rest2 * g * g;
  w.p = w.p * c.decay - c.rate * w.m / (sqrt(w.v) * c.inverse_root2 + c.epsilon);
}

template <class T>
void adamw(const Launch&, const AdamwArgs& args) {
  using V = Vec<T>;
  const Coefficients<V> step = spread(coefficients<T>(*args.step));
  parallel_ranges(args.count, kGrain, [&](std::int64_t begin, std::int64_t end, int) {
    T* parameter = static_cast<T*>(args.parameter) + begin;
    const T* gradient = static_cast<const T*>(args.gradient) + begin;
    T* m = static_cast<T*>(args.m) + begin;
    T* v = static_cast<T*>(args.v) + begin;
    sweep<T>(end - begin, [&](std::int64_t i, auto lanes) {
      Weights<V> w = {load(parameter + i, lanes), load(m + i, lanes), load(v + i, lanes)};
      advance(w, load(gradient + i, lanes), step);
      store(m + i, w.m, lanes);
      store(v + i, w.v, lanes);
      store(parameter + i, w.p, lanes);
    });
  });
}

// A step of the rows kernel, and what it does to weights whose moments are zero: most rows of a
// vocabulary never have a gradient, and for them a step is one multiplication.
template <class T>
struct RowStep {
  Coefficients<T> coefficients;
  T move_at_rest;
  bool stays_at_rest;  // a zero gradient leaves zero moments zero
};

template <class T>
RETORT_INLINE RowStep<T> row_step(const AdamwStep& step) {
  const Coefficients<T> c = coefficients<T>(step);
  Weights<Vec<T>> w = {broadcast<Vec<T>>(T(0)), broadcast<Vec<T>>(T(0)), broadcast<Vec<T>>(T(0))};
  advance(w, broadcast<Vec<T>>(T(0)), spread(c));
  const T m = horizontal_max(w.m), v = horizontal_max(w.v);
  const T zero = 0;
  return {c, c.rate * zero / (v * c.inverse_root2 + c.epsilon), m == zero && v == zero};
}

template <class T>
std::int64_t adamw_rows_workspace(const AdamwRowsArgs& args, int) {
  return args.steps * static_cast<std::int64_t>(sizeof(RowStep<T>));
}

// The steps [from, to) with a gradient of zero.
template <class T>
RETORT_INLINE void catch_up(Weights<Vec<T>>& w, const RowStep<T>* from, const RowStep<T>* to) {
  const Vec<T> zero = broadcast<Vec<T>>(T(0));
  if (from != to && horizontal_max(max(abs(w.m), abs(w.v))) == T(0)) {
    w.m = w.v = zero;  // a step makes +0 of −0
    for (; from != to && from->stays_at_rest; ++from)
      w.p =
          w.p * broadcast<Vec<T>>(from->coefficients.decay) - broadcast<Vec<T>>(from->move_at_rest);
  }
  for (; from != to; ++from) advance(w, zero, spread(from->coefficients));
}

template <class T>
void adamw_rows(const Launch& launch, const AdamwRowsArgs& args) {
  const std::int64_t columns = args.columns, last = args.steps;
  const auto row_of = [&](std::int64_t i) { return args.ids ? args.ids[i] : i; };
  std::int64_t first = last;  // the oldest step that a row lacks
  for (std::int64_t i = 0; i < args.rows; ++i) first = smaller(first, args.done[row_of(i)]);
  auto* steps = static_cast<RowStep<T>*>(launch.workspace);
  for (std::int64_t k = first; k < last; ++k) steps[k] = row_step<T>(args.step[k]);
  for_rows(args.rows, columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = row_of(i), done = args.done[row];
      if (done == last) continue;
      const T* gradient =
          args.gradient ? static_cast<const T*>(args.gradient) + i * columns : nullptr;
      T* p = static_cast<T*>(args.parameter) + row * columns;
      T* m = static_cast<T*>(args.m) + row * columns;
      T* v = static_cast<T*>(args.v) + row * columns;
      const RowStep<T>* idle_end = steps + (gradient ? last - 1 : last);
      sweep<T>(columns, [&](std::int64_t at, auto lanes) {
        Weights<Vec<T>> w = {load(p + at, lanes), load(m + at, lanes), load(v + at, lanes)};
        catch_up(w, steps + done, idle_end);
        if (gradient) advance(w, load(gradient + at, lanes), spread(idle_end->coefficients));
        store(m + at, w.m, lanes);
        store(v + at, w.v, lanes);
        store(p + at, w.p, lanes);
      });
      args.done[row] = static_cast<std::int32_t>(last);
    }
  });
}

}  // namespace

RETORT_EXPORT_F32_F64(sum_of_squares, SumOfSquaresArgs)
RETORT_EXPORT_F32_F64(sum_of_squares_rows, SumOfSquaresRowsArgs)
RETORT_EXPORT_F32_F64(adamw, AdamwArgs)
RETORT_EXPORT_F32_F64(adamw_rows, AdamwRowsArgs)
RETORT_EXPORT_WORKSPACE_F32_F64(adamw_rows, AdamwRowsArgs)

}  // namespace retort::isa::RETORT_ISA
