// Determinism: a training run has the same bits with any number of threads and from run to run, and
// a row of a result depends on nothing but its own sequence.
#include <cmath>

#include "autograd/ops.h"
#include "tensor/ops.h"
#include "tests/engine/engine_testing.h"
#include "tests/engine/kernel_testing.h"

namespace retort::testing {
namespace {

constexpr std::int64_t kVocab = 400, kHidden = 64, kHeads = 4, kInner = 192, kClasses = 5;

struct Trained {
  std::vector<double> losses;
  std::vector<Tensor> parameters;  // and their moments

  bool same_as(const Trained& other) const {
    if (losses != other.losses || parameters.size() != other.parameters.size()) return false;
    for (std::size_t i = 0; i < parameters.size(); ++i)
      if (!testing::same_bits(parameters[i], other.parameters[i])) return false;
    return true;
  }
};

// A transformer block with a classifier, six AdamW steps on ragged batches, dropout on.
Trained train() {
  std::vector<Variable> p;
  for (const Shape& shape :
       {Shape{kVocab, kHidden}, Shape{kHidden}, Shape{kHidden}, Shape{kHidden, kHidden},
        Shape{kHidden}, Shape{kHidden, kHidden}, Shape{kHidden}, Shape{kHidden, kHidden},
        Shape{kHidden}, Shape{kInner, kHidden}, Shape{kInner}, Shape{kHidden, kInner},
        Shape{kHidden}, Shape{kClasses, kHidden}, Shape{kClasses}})
    p.push_back(Variable::parameter(random_tensor(shape, p.size(), 0.3)));
  std::vector<Tensor> m, v;
  for (const Variable& x : p) {
    m.push_back(Tensor::zeros(x.shape()));
    v.push_back(Tensor::zeros(x.shape()));
  }
  Trained result;
  for (std::uint32_t step = 1; step <= 6; ++step) {
    const std::vector<std::int32_t> lengths = {31, 7, static_cast<std::int32_t>(60 + 11 * step), 2,
                                               97};
    const Ragged ragged = Ragged::packed(lengths);
    RandomStream random(step);
    std::vector<std::int32_t> ids, labels;
    for (std::int64_t i = 0; i < ragged.rows; ++i) {
      ids.push_back(static_cast<std::int32_t>(random.below(kVocab)));
      labels.push_back(static_cast<std::int32_t>(random.below(kClasses)));
    }
    const auto rule = [&](std::uint32_t site) {
      return ops::dropout_rule(0.1, {.seed = 5, .step = step, .site = site}, 0);
    };
    Variable x = layer_norm(embedding(p[0], Tensor::from(ids)), p[1], p[2], 1e-5);
    const Variable q = linear(x, p[3], p[4]), k = linear(x, p[5], p[6]),
                   value = linear(x, p[7], p[8]);
    x = x + attention(q, k, value, ragged, {.heads = kHeads, .scale = 0.25, .dropout = rule(1)});
    x = layer_norm(dropout(linear(gelu(linear(x, p[9], p[10])), p[11], p[12]), rule(2), x), p[1],
                   p[2], 1e-5);
    const Variable loss = cross_entropy(linear(x, p[13], p[14]), Tensor::from(labels),
                                        1.0 / static_cast<double>(ragged.rows));
    backward(loss);
    result.losses.push_back(loss.item());
    double norm = 0;
    for (const Variable& parameter : p) norm += ops::sum_of_squares(parameter.gradient().value());
    result.losses.push_back(norm);
    const double t = step;
    for (std::size_t i = 0; i < p.size(); ++i) {
      ops::adamw(p[i].leaf_value(), p[i].gradient().value(), m[i], v[i],
                 {.learning_rate = 1e-3,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .epsilon = 1e-8,
                  .weight_decay = 0.01,
                  .correction1 = 1 - std::pow(0.9, t),
                  .correction2 = 1 - std::pow(0.999, t),
                  .gradient_scale = 1 / (1 + norm)});
      p[i].clear_gradient();
    }
  }
  for (std::size_t i = 0; i < p.size(); ++i)
    for (const Tensor& tensor : {p[i].value(), m[i], v[i]}) result.parameters.push_back(tensor);
  return result;
}

// Calls f with every table and with both number types that it may have.
template <class F>
void for_every_isa(F&& f) {
  const Restore restore;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    INFO(isa);
    f();
  }
}

// Row r of f(x[0, rows)) has the bits of row r of f(x), for many numbers of rows.
template <class F>
void check_row_independence(const Tensor& x, F&& f) {
  const Tensor whole = f(x);
  const std::int64_t most = x.size(0);
  for (std::int64_t rows = 1; rows <= most; rows += rows < 70 ? (kQuick ? 11 : 1) : 61) {
    INFO(rows << " rows");
    // From both ends, so that a row stands at every place of a tile.
    CHECK(testing::same_bits(f(x.slice(0, 0, rows)), whole.slice(0, 0, rows)));
    CHECK(testing::same_bits(f(x.slice(0, most - rows, most)), whole.slice(0, most - rows, most)));
  }
}

}  // namespace

TEST_CASE("exact: a training run has the same bits with any number of threads", "[exact]") {
  for_every_isa([] {
    set_thread_count(1);
    const Trained one = train();
    CHECK(one.losses.back() > 0);
    for (const int threads : thread_counts()) {
      set_thread_count(threads);
      INFO(threads << " threads");
      CHECK(one.same_as(train()));
    }
  });
}

TEST_CASE("exact: a row of linear depends on nothing but itself", "[exact]") {
  for_every_isa([] {
    // Widths that end within a tile, depths of one block and of several.
    for (const auto& [inputs, outputs] : {std::pair{40, 50}, std::pair{700, 97}}) {
      const Tensor x = random_tensor({331, inputs}, 1);
      const Variable weight = random_tensor({outputs, inputs}, 2),
                     bias = random_tensor({outputs}, 3);
      check_row_independence(
          x, [&](const Tensor& part) { return linear(part, weight, bias).value(); });
      const Variable dy_weight = random_tensor({inputs, outputs}, 4);  // dX = dY·W
      check_row_independence(x,
                             [&](const Tensor& part) { return matmul(part, dy_weight).value(); });
    }
  });
}

TEST_CASE("exact: a row of a norm and of softmax depends on nothing but itself", "[exact]") {
  for_every_isa([] {
    for (const std::int64_t columns : {3, 64, 771}) {
      const Tensor x = random_tensor({131, columns}, 1);
      const Variable weight = random_tensor({columns}, 2), bias = random_tensor({columns}, 3);
      check_row_independence(
          x, [&](const Tensor& part) { return layer_norm(part, weight, bias, 1e-6).value(); });
      check_row_independence(x, [&](const Tensor& part) { return softmax(part).value(); });
    }
  });
}

TEST_CASE("exact: a sequence's attention depends on nothing but itself", "[exact]") {
  const std::vector<std::int32_t> lengths = {5, 1, 64, 17, 130, 2, 33, 90};
  constexpr std::int64_t kWidth = 48;
  const auto run = [&](std::size_t first, std::size_t count) {
    std::int64_t begin = 0, rows = 0;
    for (std::size_t s = 0; s < first; ++s) begin += lengths[s];
    const std::vector<std::int32_t> part(
        lengths.begin() + static_cast<std::ptrdiff_t>(first),
        lengths.begin() + static_cast<std::ptrdiff_t>(first + count));
    for (const std::int32_t length : part) rows += length;
    Variables leaves;
    for (const std::uint64_t seed : {1u, 2u, 3u})
      leaves.push_back(Variable::parameter(
          random_tensor({342, kWidth}, seed).slice(0, begin, begin + rows).clone()));
    // Random bits go by the row within the whole step, so they too are a sequence's own.
    const DropoutRule rule = ops::dropout_rule(0.2, {.seed = 1}, static_cast<std::uint32_t>(begin));
    const Variable out = attention(leaves[0], leaves[1], leaves[2], Ragged::packed(part),
                                   {.heads = 3, .scale = 0.25, .dropout = rule});
    std::vector<Tensor> results = {out.value()};
    for (const Variable& gradient : grad({sum(square(out))}, leaves))
      results.push_back(gradient.value());
    return std::pair{begin, results};
  };
  for_every_isa([&] {
    const auto whole = run(0, lengths.size()).second;
    for (std::size_t first = 0; first < lengths.size(); ++first)
      for (const std::size_t count : {1u, 2u, 5u}) {
        if (first + count > lengths.size()) continue;
        INFO("sequences " << first << " to " << first + count);
        const auto [begin, part] = run(first, count);
        for (std::size_t i = 0; i < part.size(); ++i)
          CHECK(testing::same_bits(part[i], whole[i].slice(0, begin, begin + part[i].size(0))));
      }
  });
}

}  // namespace retort::testing
