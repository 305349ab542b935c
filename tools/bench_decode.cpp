// Decoding token by token: rows of one token, or of a few texts at once, times the weights of
// Llama 3.2 1B. Every weight is read once for so little arithmetic that memory is the limit.
#include <algorithm>
#include <memory>

#include "tensor/base/philox.h"
#include "tensor/ops.h"
#include "tensor/prepared.h"
#include "tools/bench.h"

namespace retort::tools {
namespace {

struct Weight {
  const char* name;
  std::int64_t outputs, inputs;
};

constexpr Weight kWeights[] = {{"attention's output", 2048, 2048},
                               {"gate", 8192, 2048},
                               {"down", 2048, 8192},
                               {"vocabulary", 128256, 2048}};

Tensor random_numbers(const Shape& shape, DType dtype, std::uint64_t seed) {
  RandomStream random(seed);
  Tensor x = Tensor::empty(shape);
  float* const data = x.mutable_data<float>();
  for (std::int64_t i = 0; i < x.count(); ++i) data[i] = static_cast<float>(random.uniform() - 0.5);
  return x.to(dtype);
}

// As many equal layers as fill the memory of a case, which all read the same row.
BenchCase decode(const Weight& weight, std::int64_t rows, const BenchOptions& options) {
  struct Layers {
    Tensor x, weight;
    std::vector<Prepared> packed;
  };
  const auto layers = std::make_shared<Layers>();
  // One block of random numbers again and again: drawing them all would take longer than the bench.
  const Tensor block = random_numbers({1, weight.inputs}, options.dtype, 1);
  layers->weight = block.expand({weight.outputs, weight.inputs}).contiguous();
  layers->x = random_numbers({rows, weight.inputs}, DType::f32, 2);
  const std::int64_t bytes =
      weight.outputs * weight.inputs * static_cast<std::int64_t>(size_of(options.dtype));
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(1, options.bytes / bytes));
  layers->packed = std::vector<Prepared>(count);
  BenchCase c;
  c.name = weight.name;
  c.layout = "NT";
  c.shape = {rows, weight.outputs, weight.inputs};
  c.dtype = options.dtype;
  c.work = static_cast<double>(count) * static_cast<double>(bytes);
  c.limit = {1, 0, 0, static_cast<std::int64_t>(c.work)};
  c.call = [layers, dtype = options.dtype] {
    for (Prepared& packed : layers->packed) {
      ops::LinearOptions linear;
      linear.compute = dtype;
      linear.prepared = &packed;
      ops::linear(layers->x, layers->weight, {}, linear);
    }
  };
  return c;
}

}  // namespace

std::vector<BenchCase> decode_cases(const BenchOptions& options) {
  std::vector<BenchCase> cases;
  for (const Weight& weight : kWeights) {
    // A case has weights of its own, which are only as many as it needs to be out of the caches.
    if (weight.outputs > 1 << 16 && !options.all_shapes) continue;
    cases.push_back(decode(weight, 1, options));
    if (options.all_shapes) cases.push_back(decode(weight, 4, options));
  }
  return cases;
}

}  // namespace retort::tools
