// Attention over the sequences that fine-tuning meets: forward, and forward with derivative.
#include "autograd/ops.h"
#include "tensor/base/philox.h"
#include "tools/bench.h"

namespace retort::tools {
namespace {

// Tokens of the first 16 pairs of MRPC's training split in bert-base-uncased's vocabulary.
constexpr std::int32_t kMrpc[] = {50, 59, 47, 67, 59, 50, 62, 32, 45, 60, 51, 47, 42, 61, 53, 44};

Tensor random_rows(std::int64_t rows, std::int64_t columns, DType dtype, std::uint64_t seed) {
  RandomStream random(seed);
  Tensor x = Tensor::empty({rows, columns});
  float* const data = x.mutable_data<float>();
  for (std::int64_t i = 0; i < x.count(); ++i) data[i] = static_cast<float>(random.normal());
  return x.to(dtype);
}

// Forward, then the same with the gradients of q, k and v. Work: two products per query and key
// that sees it going forward, five going back (the scores are computed anew).
void add_cases(const std::string& name, const std::vector<std::int32_t>& lengths,
               const AttentionOptions& how, std::int64_t head_dim, const BenchOptions& options,
               std::vector<BenchCase>& cases) {
  const Ragged ragged = Ragged::packed(lengths);
  double pairs = 0;
  for (const std::int32_t length : lengths)
    pairs += how.causal ? 0.5 * length * (length + 1.0) : 1.0 * length * length;
  const std::int64_t key_heads = how.key_heads > 0 ? how.key_heads : how.heads;
  const auto rows = [&](std::int64_t heads, std::uint64_t seed) {
    return Variable::parameter(random_rows(ragged.rows, heads * head_dim, options.dtype, seed));
  };
  const Variable q = rows(how.heads, 1), k = rows(key_heads, 2), v = rows(key_heads, 3);
  const Variable dy = rows(how.heads, 4).detach();
  BenchCase c;
  c.shape = {static_cast<std::int64_t>(lengths.size()), ragged.rows, how.heads, head_dim};
  c.dtype = options.dtype;
  const double product = 2.0 * pairs * static_cast<double>(how.heads * head_dim);
  c.name = name + " forward";
  c.work = 2 * product;
  c.call = [=] {
    const NoGrad off;
    attention(q, k, v, ragged, how);
  };
  cases.push_back(c);
  c.name = name + " forward + backward";
  c.work = 7 * product;
  c.call = [=] { grad({attention(q, k, v, ragged, how)}, {q, k, v}, {dy}); };
  cases.push_back(c);
}

}  // namespace

std::vector<BenchCase> attention_cases(const BenchOptions& options) {
  std::vector<BenchCase> cases;
  add_cases("mrpc", {std::begin(kMrpc), std::end(kMrpc)}, {.heads = 12}, 64, options, cases);
  if (options.all_shapes) {
    add_cases("512 tokens", {512, 512}, {.heads = 12}, 64, options, cases);
    add_cases("causal", {1024}, {.heads = 12, .causal = true}, 64, options, cases);
    add_cases("grouped heads", {512, 512}, {.heads = 16, .key_heads = 4, .causal = true}, 128,
              options, cases);
  }
  return cases;
}

}  // namespace retort::tools
