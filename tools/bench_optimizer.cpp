// The optimiser's step over the parameters of DistilBERT: norm of the gradients, clipping, AdamW.
// Memory bounds it: a parameter costs 4 bytes for the norm (g), and 16 read (p, g, m, v) and 12
// written (p, m, v) for the update. Rows of the embedding without a gradient should cost nothing:
// where only some rows have one, the others don't count as work.
#include <limits>
#include <memory>

#include "autograd/node.h"
#include "nn/optimizer.h"
#include "tools/bench.h"

namespace retort::tools {
namespace {

// 66,955,010 parameters in the shapes of DistilBERT with two labels, and a gradient for each; of
// them those tensors that fit in when there may only be `most` numbers.
class Parameters {
 public:
  explicit Parameters(std::int64_t most) : most_(most) {
    add({30522, 768});
    add({512, 768});
    norm();
    for (int layer = 0; layer < 6; ++layer) {
      for (int i = 0; i < 4; ++i) linear(768, 768);
      norm();
      linear(768, 3072);
      linear(3072, 768);
      norm();
    }
    linear(768, 768);
    linear(768, 2);
    add_some_rows();
  }
  ParameterList list;
  std::vector<Tensor> gradients;
  /// Of the first parameter, the embedding: every kSets-th row (2,000 of BERT's vocabulary, what a
  /// batch of a few thousand tokens looks up), from another row on in each set.
  static constexpr std::int64_t kSets = 15;
  std::vector<RowSparse> some_rows;

  std::int64_t table_count() const { return list.begin()->shape.count(); }
  void add_some_rows() {
    const std::int64_t rows = list.begin()->shape[0], columns = list.begin()->shape[1];
    for (std::int64_t set = 0; set < kSets; ++set) {
      std::vector<std::int32_t> ids;
      for (std::int64_t row = set; row < rows; row += kSets)
        ids.push_back(static_cast<std::int32_t>(row));
      const auto count = static_cast<std::int64_t>(ids.size());
      some_rows.push_back({Tensor::from(ids), Tensor::full({count, columns}, 1e-4), rows});
    }
  }

 private:
  void add(const Shape& shape) {
    if (list.count() + shape.count() > most_) return;
    Parameter& parameter =
        list.add("p" + std::to_string(gradients.size()), shape, Init::zeros, true);
    parameter.variable = Variable::parameter(Tensor::full(shape, 0.02));
    gradients.push_back(Tensor::full(shape, 1e-4));
  }
  void linear(std::int64_t inputs, std::int64_t outputs) {
    add({outputs, inputs});
    add({outputs});
  }
  void norm() {
    add({768});
    add({768});
  }
  std::int64_t most_;
};

struct Work {
  explicit Work(std::int64_t most) : parameters(most) {}
  Parameters parameters;
  Adamw optimizer{parameters.list, {}};

  void give_gradients(const RowSparse* of_table = nullptr) {
    std::size_t i = 0;
    for (Parameter& parameter : parameters.list) {
      parameter.variable.clear_gradient();
      LeafGradient& gradient = *parameter.variable.node()->gradient;
      if (i == 0 && of_table) gradient.add(*of_table);
      else gradient.add(parameters.gradients[i]);
      ++i;
    }
  }
  void clip_and_step() { optimizer.step(1e-5, clip_factor(optimizer.gradient_norm(), 1)); }
};

}  // namespace

std::vector<BenchCase> optimizer_cases(const BenchOptions& options) {
  constexpr std::int64_t kNumber = sizeof(float);
  // All of them, unless the user wants smaller arrays: p, g, m and v.
  const bool small = options.bytes < beyond_caches();
  const auto work = std::make_shared<Work>(small ? options.bytes / (4 * kNumber)
                                                 : std::numeric_limits<std::int64_t>::max());
  const Parameters& parameters = work->parameters;
  const std::int64_t all = parameters.list.count();
  const std::int64_t some =
      all - parameters.table_count() + parameters.some_rows.front().rows.count();
  const auto with_limit = [&](const char* name, std::int64_t count, const Stream& stream,
                              std::function<void()> call) {
    BenchCase c;
    c.name = name;
    c.shape = {count};
    c.limit = stream;
    c.limit.bytes = count * stream.arrays() * kNumber;
    c.work = static_cast<double>(count * (stream.reads + stream.writes) * kNumber);
    c.call = std::move(call);
    return c;
  };
  return {with_limit("norm", all, {1, 0, 0},
                     [work] {
                       work->give_gradients();
                       work->optimizer.gradient_norm();
                     }),
          with_limit("adamw", all, {4, 3, 3},
                     [work] {
                       work->give_gradients();
                       work->optimizer.step(1e-5);
                     }),
          with_limit("clip + adamw", all, {5, 3, 3},
                     [work] {
                       work->give_gradients();
                       work->clip_and_step();
                     }),
          // The same rows in every step, so that none of them has anything to catch up with.
          with_limit("clip + adamw, some rows", some, {5, 3, 3},
                     [work] {
                       work->give_gradients(&work->parameters.some_rows[0]);
                       work->clip_and_step();
                     }),
          // Other rows in every step: each has kSets - 1 steps to catch up with, the worst case.
          with_limit("clip + adamw, other rows", some, {5, 3, 3},
                     [work, set = std::size_t{0}]() mutable {
                       work->give_gradients(&work->parameters.some_rows[set++ % Parameters::kSets]);
                       work->clip_and_step();
                     })};
}

}  // namespace retort::tools
