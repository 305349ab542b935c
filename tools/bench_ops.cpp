// What memory bounds: norms, softmax, GELU, dropout and losses, forward and backward, held against
// a stream with as many arrays read and written.
#include <algorithm>

#include "tensor/base/philox.h"
#include "tensor/ops.h"
#include "tools/bench.h"

namespace retort::tools {
namespace {

Tensor numbers(const Shape& shape, DType dtype, std::uint64_t seed) {
  // One block of random numbers again and again: drawing them all would take longer than the bench.
  RandomStream random(seed);
  std::vector<float> block;
  for (int i = 0; i < 4093; ++i) block.push_back(static_cast<float>(random.normal()));
  Tensor x = Tensor::empty({shape.count()}, dtype);
  const Tensor source = Tensor::from(block).to(dtype);
  for (std::int64_t begin = 0; begin < x.count(); begin += source.count()) {
    const std::int64_t end = std::min(x.count(), begin + source.count());
    x.slice(0, begin, end).copy_from(source.slice(0, 0, end - begin));
  }
  return x.reshape(shape);
}

// Forward and backward together read and write so many arrays of [rows, columns].
struct Traffic {
  int arrays;  // that exist at the same time
  int reads, writes;
};

struct Maker {
  const BenchOptions& options;
  std::vector<BenchCase> cases;

  std::int64_t rows(const Traffic& traffic, std::int64_t columns) const {
    const std::int64_t row = columns * static_cast<std::int64_t>(size_of(options.dtype));
    return std::max<std::int64_t>(1, options.bytes / (traffic.arrays * row));
  }
  void add(const std::string& name, const Shape& shape, const Traffic& traffic,
           std::function<void()> call) {
    BenchCase c;
    c.name = name;
    c.shape.assign(shape.begin(), shape.end());
    c.dtype = options.dtype;
    const double array =
        static_cast<double>(shape.count()) * static_cast<double>(size_of(options.dtype));
    c.work = (traffic.reads + traffic.writes) * array;
    c.call = std::move(call);
    c.limit = {traffic.reads, traffic.writes, 0, options.bytes};
    cases.push_back(std::move(c));
  }
};

}  // namespace

std::vector<BenchCase> ops_cases(const BenchOptions& options) {
  Maker make{options, {}};
  const DType dtype = options.dtype, wide = compute_dtype(dtype);
  const Traffic through = {4, 3, 2};  // y from x; dx from dy and what was saved
  {
    const Shape shape = {make.rows(through, 768), 768};
    const Tensor x = numbers(shape, dtype, 1), dy = numbers(shape, dtype, 2);
    const Tensor weight = Tensor::full({768}, 1, wide), bias = Tensor::zeros({768}, wide);
    make.add("layer norm", shape, through, [=] {
      const ops::LayerNorm y = ops::layer_norm(x, weight, bias, 1e-12);
      ops::layer_norm_backward(dy, x, weight, y.mean, y.rstd, true, true);
    });
    make.add("RMS norm", shape, through, [=] {
      const ops::RmsNorm y = ops::rms_norm(x, weight, 1e-6, 0);
      ops::rms_norm_backward(dy, x, weight, y.rstd, 0, true, true);
    });
    make.add("softmax", shape, through, [=] {
      const Tensor y = ops::softmax(x);
      ops::softmax_backward(dy, y);
    });
    make.add("GELU", shape, through, [=] {
      const Tensor y = ops::unary(UnaryOp::gelu, x);
      ops::binary(BinaryOp::gelu_backward, dy, x);
    });
    const DropoutRule rule = ops::dropout_rule(0.1, {.seed = 1, .step = 2, .site = 3}, 0);
    // y from x and the residual; dx from dy, which is the residual's gradient itself.
    make.add("dropout + residual", shape, through, [=] {
      const Tensor y = ops::dropout(x, dy, rule);
      ops::dropout(dy, {}, rule);
    });
  }
  {
    constexpr std::int64_t kVocabulary = 30522;
    const Traffic scalar = {3, 4, 1};
    const Shape shape = {make.rows(scalar, kVocabulary), kVocabulary};
    const Tensor student = numbers(shape, dtype, 3), teacher = numbers(shape, dtype, 4);
    const Tensor dloss = Tensor::scalar(1, wide);
    make.add("KD loss", shape, scalar, [=] {
      const ops::KlDivergence loss = ops::kl_divergence(student, teacher, {}, 2, 1e-3);
      ops::kl_divergence_backward(dloss, student, teacher, loss.statistics, {}, 2, 1e-3);
    });
  }
  return make.cases;
}

}  // namespace retort::tools
