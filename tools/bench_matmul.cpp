// Matrix products of BERT-base: forward (NT), gradient of the input (NN), gradient of the weight
// (TN).
#include <memory>

#include "tensor/base/philox.h"
#include "tensor/ops.h"
#include "tensor/prepared.h"
#include "tools/bench.h"

namespace retort::tools {
namespace {

struct Product {
  const char* name;
  char a, b;  // N: rows are contiguous, T: columns are
  std::int64_t m, n, k;
};

// 2,048 tokens: 16 sequences of 128; 1,000: about as many without padding.
constexpr Product kBert[] = {
    {"forward", 'N', 'T', 2048, 768, 768},  {"forward", 'N', 'T', 2048, 2304, 768},
    {"forward", 'N', 'T', 2048, 3072, 768}, {"forward", 'N', 'T', 2048, 768, 3072},
    {"forward", 'N', 'T', 1000, 768, 768},  {"forward", 'N', 'T', 1000, 3072, 768},
    {"dx", 'N', 'N', 2048, 768, 3072},      {"dx", 'N', 'N', 2048, 3072, 768},
    {"dx", 'N', 'N', 2048, 768, 768},       {"dw", 'T', 'N', 3072, 768, 2048},
    {"dw", 'T', 'N', 768, 3072, 2048},      {"dw", 'T', 'N', 768, 768, 2048},
    {"dw", 'T', 'N', 768, 768, 1000},
};

// MiniLM (6 x 384), MRPC's mean batch without padding, few rows, and a square one.
constexpr Product kMore[] = {
    {"forward", 'N', 'T', 852, 384, 384},   {"forward", 'N', 'T', 852, 1536, 384},
    {"dx", 'N', 'N', 852, 384, 1536},       {"dw", 'T', 'N', 1536, 384, 852},
    {"forward", 'N', 'T', 852, 3072, 768},  {"dx", 'N', 'N', 852, 768, 3072},
    {"dw", 'T', 'N', 768, 3072, 852},       {"forward", 'N', 'T', 1, 768, 768},
    {"forward", 'N', 'T', 16, 768, 768},    {"forward", 'N', 'T', 64, 3072, 768},
    {"square", 'N', 'N', 1024, 1024, 1024},
};

// Numbers in [−1, 1): sums neither grow without bound nor become denormal.
Tensor random_numbers(std::int64_t count, std::uint64_t seed) {
  RandomStream random(seed);
  Tensor x = Tensor::empty({count});
  float* const data = x.mutable_data<float>();
  for (std::int64_t i = 0; i < count; ++i) data[i] = static_cast<float>(2 * random.uniform() - 1);
  return x;
}

/// linear + bias + GELU + linear of BERT-base on 2,048 tokens: no gradient, weights packed ahead.
BenchCase feed_forward(DType dtype) {
  constexpr std::int64_t kTokens = 2048, kHidden = 768, kInner = 3072;
  struct Layers {
    Tensor x, first, first_bias, second, second_bias;
    Prepared first_packed, second_packed;
  };
  const auto layers = std::make_shared<Layers>();
  layers->x = random_numbers(kTokens * kHidden, 3).reshape({kTokens, kHidden}).to(dtype);
  layers->first = random_numbers(kInner * kHidden, 4).reshape({kInner, kHidden});
  layers->first_bias = random_numbers(kInner, 5);
  layers->second = random_numbers(kHidden * kInner, 6).reshape({kHidden, kInner});
  layers->second_bias = random_numbers(kHidden, 7);
  BenchCase c;
  c.name = "linear, gelu, linear";
  c.shape = {kTokens, kInner, kHidden};
  c.dtype = dtype;
  c.work = 2.0 * 2.0 * kTokens * kHidden * kInner;
  c.call = [layers] {
    ops::LinearOptions up, down;
    up.gelu = true;
    up.prepared = &layers->first_packed;
    down.prepared = &layers->second_packed;
    ops::linear(ops::linear(layers->x, layers->first, layers->first_bias, up), layers->second,
                layers->second_bias, down);
  };
  return c;
}

}  // namespace

std::vector<BenchCase> matmul_cases(const BenchOptions& options) {
  std::vector<Product> products(std::begin(kBert), std::end(kBert));
  if (options.all_shapes) products.insert(products.end(), std::begin(kMore), std::end(kMore));
  std::int64_t a_count = 0, b_count = 0;
  for (const Product& p : products) {
    a_count = std::max(a_count, p.m * p.k);
    b_count = std::max(b_count, p.k * p.n);
  }
  const Tensor a_numbers = random_numbers(a_count, 1).to(options.dtype);
  const Tensor b_numbers = random_numbers(b_count, 2).to(options.dtype);
  std::vector<BenchCase> cases;
  for (const Product& p : products) {
    const auto operand = [](const Tensor& numbers, char layout, std::int64_t rows,
                            std::int64_t columns) {
      const Tensor part = numbers.slice(0, 0, rows * columns);
      return layout == 'N' ? part.reshape({rows, columns})
                           : part.reshape({columns, rows}).transpose();
    };
    BenchCase c;
    c.name = p.name;
    c.layout = {p.a, p.b};
    c.shape = {p.m, p.n, p.k};
    c.dtype = options.dtype;
    c.work = 2.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
    c.call = [a = operand(a_numbers, p.a, p.m, p.k), b = operand(b_numbers, p.b, p.k, p.n)] {
      ops::matmul(a, b);
    };
    cases.push_back(std::move(c));
  }
  if (options.all_shapes) cases.push_back(feed_forward(options.dtype));
  return cases;
}

}  // namespace retort::tools
