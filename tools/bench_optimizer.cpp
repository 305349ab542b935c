// The optimiser's step over the parameters of DistilBERT: norm of the gradients, clipping, AdamW.
// Memory bounds it: a parameter costs 4 bytes for the norm (g), and 16 read (p, g, m, v) and 12
// written (p, m, v) for the update.
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
  }
  ParameterList list;
  std::vector<Tensor> gradients;

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

  void give_gradients() {
    std::size_t i = 0;
    for (Parameter& parameter : parameters.list) {
      parameter.variable.clear_gradient();
      parameter.variable.node()->gradient->add(parameters.gradients[i++]);
    }
  }
};

}  // namespace

std::vector<BenchCase> optimizer_cases(const BenchOptions& options) {
  constexpr std::int64_t kNumber = sizeof(float);
  // All of them, unless the user wants smaller arrays: p, g, m and v.
  const bool small = options.bytes < beyond_caches();
  const auto work = std::make_shared<Work>(small ? options.bytes / (4 * kNumber)
                                                 : std::numeric_limits<std::int64_t>::max());
  const auto count = work->parameters.list.count();
  const auto with_limit = [&](const char* name, const Stream& stream, std::function<void()> call) {
    BenchCase c;
    c.name = name;
    c.shape = {count};
    c.limit = stream;
    c.limit.bytes = count * stream.arrays() * kNumber;
    c.work = static_cast<double>(count * (stream.reads + stream.writes) * kNumber);
    c.call = std::move(call);
    return c;
  };
  return {with_limit("norm", {1, 0, 0},
                     [work] {
                       work->give_gradients();
                       work->optimizer.gradient_norm();
                     }),
          with_limit("adamw", {4, 3, 3},
                     [work] {
                       work->give_gradients();
                       work->optimizer.step(1e-5);
                     }),
          with_limit("clip + adamw", {5, 3, 3}, [work] {
            work->give_gradients();
            const double norm = work->optimizer.gradient_norm();
            work->optimizer.step(1e-5, clip_factor(norm, 1));
          })};
}

}  // namespace retort::tools
