// Results that are larger than the caches are written around them: the bits must not know.
#include <cstring>

#include "tensor/ops.h"
#include "tests/engine/kernel_testing.h"

namespace retort::testing {
namespace {

constexpr std::int64_t kColumns = 1024;

// 80 MiB of numbers, the same block again and again but for the first column.
Tensor numbers(DType dtype, std::uint64_t seed, std::int64_t columns = kColumns) {
  const std::int64_t rows = (80 << 20) / columns / static_cast<std::int64_t>(size_of(dtype));
  const Tensor block = Tensor::from(random_values(columns, seed)).to(dtype);
  Tensor x = block.expand({rows, columns}).clone();
  const Tensor column = Tensor::from(random_values(rows, seed + 1), {rows, 1}).to(dtype);
  x.slice(1, 0, 1).copy_from(column);
  return x;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.count() == y.count() && x.dtype() == y.dtype() &&
         std::memcmp(x.raw(), y.raw(), static_cast<std::size_t>(x.count()) * size_of(x.dtype())) ==
             0;
}

}  // namespace

TEST_CASE("streams: results larger than the caches have the same bits", "[streams]") {
  const Restore restore;
  for (const std::string& isa : available_isas()) {
    if (isa == "generic") continue;  // one way of writing only
    use_isa(isa);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const Tensor x = numbers(dtype, 1), dy = numbers(dtype, 3);
      // As a vocabulary's: rows begin anywhere within a line of the cache.
      const Tensor odd_x = numbers(dtype, 1, 1021), odd_dy = numbers(dtype, 3, 1021);
      const DType wide = compute_dtype(dtype);
      const Tensor weight = Tensor::from(random_values(kColumns, 5)).to(wide);
      const Tensor dloss = Tensor::scalar(0.5, wide);
      // f(a, b, row offset) of everything, and of a few rows at both ends.
      const auto check_rows_of = [&](const char* what, const Tensor& a, const Tensor& b, auto f) {
        INFO(isa << " " << name(dtype) << " " << what << " " << a.shape());
        const Tensor whole = f(a, b, 0);
        for (const std::int64_t begin : {std::int64_t{0}, a.size(0) - 3}) {
          const Tensor few = f(a.slice(0, begin, begin + 3), b.slice(0, begin, begin + 3),
                               static_cast<std::uint32_t>(begin));
          CHECK(same_bits(whole.slice(0, begin, begin + 3), few));
        }
      };
      const auto check_rows = [&](const char* what, auto f) { check_rows_of(what, x, dy, f); };
      const auto check_odd_rows_too = [&](const char* what, auto f) {
        check_rows_of(what, x, dy, f);
        check_rows_of(what, odd_x, odd_dy, f);
      };
      check_rows("gelu", [](const Tensor& a, const Tensor&, std::uint32_t) {
        return ops::unary(UnaryOp::gelu, a);
      });
      check_rows("gelu_backward", [](const Tensor& a, const Tensor& b, std::uint32_t) {
        return ops::binary(BinaryOp::gelu_backward, b, a);
      });
      check_rows("softmax",
                 [](const Tensor& a, const Tensor&, std::uint32_t) { return ops::softmax(a); });
      check_rows("log_softmax", [](const Tensor& a, const Tensor&, std::uint32_t) {
        return ops::softmax(a, true);
      });
      check_rows("softmax_backward", [](const Tensor& a, const Tensor& b, std::uint32_t) {
        return ops::softmax_backward(b, a);
      });
      check_rows("layer_norm", [&](const Tensor& a, const Tensor&, std::uint32_t) {
        return ops::layer_norm(a, weight, weight, 1e-5).y;
      });
      check_rows("layer_norm_backward", [&](const Tensor& a, const Tensor& b, std::uint32_t) {
        const auto y = ops::layer_norm(a, weight, weight, 1e-5);
        return ops::layer_norm_backward(b, a, weight, y.mean, y.rstd, true, true).dx;
      });
      check_rows("rms_norm", [&](const Tensor& a, const Tensor&, std::uint32_t) {
        return ops::rms_norm(a, weight, 1e-5, 0).y;
      });
      check_rows("rms_norm_backward", [&](const Tensor& a, const Tensor& b, std::uint32_t) {
        const auto y = ops::rms_norm(a, weight, 1e-5, 0);
        return ops::rms_norm_backward(b, a, weight, y.rstd, 0, true, true).dx;
      });
      check_rows("dropout", [&](const Tensor& a, const Tensor& b, std::uint32_t offset) {
        return ops::dropout(a, b,
                            ops::dropout_rule(0.1, {.seed = 1, .step = 2, .site = 3}, offset));
      });
      check_odd_rows_too(
          "kl_divergence_backward", [&](const Tensor& a, const Tensor& b, std::uint32_t) {
            const auto result = ops::kl_divergence(a, b, {}, 2, 1);
            return ops::kl_divergence_backward(dloss, a, b, result.statistics, {}, 2, 1);
          });
      check_odd_rows_too("cross_entropy_backward",
                         [&](const Tensor& a, const Tensor&, std::uint32_t) {
                           const Tensor labels = Tensor::zeros({a.size(0)}, DType::i32);
                           const auto result = ops::cross_entropy(a, labels, 1);
                           return ops::cross_entropy_backward(dloss, a, labels, result.lse, 1);
                         });
    }
  }
}

}  // namespace retort::testing
