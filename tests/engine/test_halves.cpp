// bf16 and f16: every bit pattern through the kernels that convert, and what must not be rounded.
#include <algorithm>
#include <bit>

#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"
#include "tests/engine/kernel_testing.h"

namespace retort::testing {
namespace {

template <class S>
S from_bits(std::uint32_t bits) {
  S half;
  half.bits = static_cast<std::uint16_t>(bits);
  return half;
}

/// Converts with the table in use; guards behind the result are checked.
template <class From, class To>
std::vector<To> converted(const std::vector<From>& x) {
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<To> y(x.size() + 16, To(77.0f));
  const DType from = dtype_of<From>;
  const int slot = from == DType::f32 ? 0 : from == DType::f64 ? 1 : from == DType::bf16 ? 2 : 3;
  kernels().convert[slot](Launch{}, ConvertArgs{x.data(), y.data(), n, dtype_of<To>});
  for (std::size_t i = x.size(); i < y.size(); ++i) REQUIRE(static_cast<float>(y[i]) == 77.0f);
  y.resize(x.size(), To(0.0f));
  return y;
}

/// Both NaN, or the same bits.
template <class S>
bool same(S a, S b) {
  const auto x = static_cast<float>(a), y = static_cast<float>(b);
  return std::isnan(x) ? std::isnan(y) : a.bits == b.bits;
}

template <class S>
void check_patterns() {
  std::vector<S> all;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) all.push_back(from_bits<S>(bits));
  const auto wide = converted<S, float>(all);
  int wrong = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto expected = static_cast<float>(all[i]);
    wrong += std::isnan(expected)
                 ? !std::isnan(wide[i])
                 : std::bit_cast<std::uint32_t>(wide[i]) != std::bit_cast<std::uint32_t>(expected);
  }
  CHECK(wrong == 0);

  // Between two neighbours: the middle and a little to either side of it.
  std::vector<float> between;
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    const auto low = static_cast<float>(all[i]), high = static_cast<float>(all[i + 1]);
    if (!std::isfinite(low) || !std::isfinite(high)) continue;
    const float middle = low / 2 + high / 2;
    for (const float toward : {-1e38f, 1e38f}) between.push_back(std::nextafter(middle, toward));
    between.push_back(middle);
  }
  for (const double special :
       {kInfinity, -kInfinity, kNan, 1e30, -1e30, 65519.996, 65520.0, 3.4e38})
    between.push_back(static_cast<float>(special));
  between.push_back(std::bit_cast<float>(0x7F800001u));  // a NaN whose upper half says infinity
  const auto halves = converted<float, S>(between);
  wrong = 0;
  for (std::size_t i = 0; i < between.size(); ++i) wrong += !same(halves[i], S(between[i]));
  CHECK(wrong == 0);

  for (std::size_t n = 0; n < 70; ++n) {  // tails, there and back
    const std::vector<float> few(between.begin() + 40000,
                                 between.begin() + 40000 + static_cast<long>(n));
    const auto there = converted<float, S>(few);
    const auto back = converted<S, float>(there);
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(same(there[i], S(few[i])));
      CHECK(back[i] == static_cast<float>(there[i]));
    }
  }
}

template <class F>
bool fails_with(F&& f, const std::string& part) {
  try {
    f();
  } catch (const Error& error) {
    return std::string(error.what()).find(part) != std::string::npos;
  }
  return false;
}

Tensor ones(const Shape& shape, DType dtype) { return Tensor::full(shape, 1, dtype); }

}  // namespace

TEST_CASE("halves: kernels convert every number as the scalar definitions do", "[halves]") {
  const Restore restore;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    INFO(isa);
    check_patterns<bf16>();
    check_patterns<f16>();
    CHECK(converted<double, bf16>({1.0 + 0x1p-7, kNan})[0].bits == 0x3F81);
    CHECK(converted<f16, double>({f16(0.1f)})[0] ==
          static_cast<double>(static_cast<float>(f16(0.1f))));
    CHECK(converted<float, double>({0.1f})[0] == static_cast<double>(0.1f));
    CHECK(converted<bf16, f16>({bf16(3.0f), bf16(1e30f)})[1].bits == 0x7C00);
  }
}

TEST_CASE("halves: copies convert and keep strides in order", "[halves]") {
  RandomStream random(3);
  std::vector<double> values;
  for (int i = 0; i < 37 * 21; ++i) values.push_back(random.normal());
  for (const DType half : {DType::bf16, DType::f16}) {
    const Tensor x = Tensor::from(values, {37, 21});
    const Tensor narrow = x.to(half);
    CHECK(narrow.dtype() == half);
    CHECK(x.transpose().to(half).to_vector<double>() == narrow.transpose().to_vector<double>());
    CHECK(narrow.transpose().contiguous().transpose().to_vector<double>() ==
          narrow.to_vector<double>());
    Tensor wide = Tensor::zeros({21, 37}, DType::f32);
    Tensor view = wide.transpose();
    view.copy_from(narrow);
    CHECK(wide.transpose().to_vector<double>() == narrow.to_vector<double>());
    CHECK(Tensor::full({5}, 0.1, half).to_vector<double>() ==
          Tensor::full({5}, 0.1, DType::f32).to(half).to_vector<double>());
  }
}

TEST_CASE("halves: sums don't stop growing where their type does", "[halves]") {
  // bf16 has 8 bits: 256 + 1 = 256 if the sum were kept in it.
  const Restore restore;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    const int first[] = {0}, last[] = {1};
    const Tensor table =
        ops::embedding_backward(ones({1000, 3}, DType::bf16), Tensor::zeros({1000}, DType::i32), 2);
    CHECK(table.dtype() == DType::bf16);
    CHECK(table.to_vector<double>() == std::vector<double>{1000, 1000, 1000, 0, 0, 0});
    for (const int* axis : {first, last}) {
      const Tensor total =
          ops::reduce(ReduceOp::sum, ones({1000, 1000}, DType::bf16), {axis, 1}, false);
      CHECK(total.to_vector<double>() == std::vector<double>(1000, 1000.0));
    }
    const auto norm = ops::layer_norm_backward(
        ones({1000, 4}, DType::bf16), ones({1000, 4}, DType::bf16), ones({4}, DType::f32),
        Tensor::zeros({1000}), ones({1000}, DType::f32), false, true);
    CHECK(norm.dbias.dtype() == DType::f32);
    CHECK(norm.dbias.to_vector<double>() == std::vector<double>(4, 1000.0));
  }
}

TEST_CASE("halves: what is a number or a statistic stays f32", "[halves]") {
  // 1/3 as a bf16 would be off by 0.2 %, which shows in these products' rounding.
  const Tensor x = Tensor::from(std::vector<double>{130, 142, 151}).to(DType::bf16);
  CHECK(ops::scale(x, 1.0 / 3).to_vector<double>() == std::vector<double>{43.25, 47.25, 50.25});
  CHECK(ops::binary(BinaryOp::add, x.reshape({3, 1}).expand({3, 2}), 0.5).to_vector<double>() ==
        std::vector<double>{130, 130, 142, 142, 152, 152});

  const Tensor logits = Tensor::from(std::vector<double>{1, 2, 3, 4}, {2, 2}).to(DType::bf16);
  const auto result =
      ops::cross_entropy(logits, Tensor::from(std::vector<std::int32_t>{0, 1}), 0.5);
  CHECK(result.loss.dtype() == DType::f32);
  CHECK(result.lse.dtype() == DType::f32);
  CHECK(std::fabs(result.loss.item() - (0.5 + std::log1p(std::exp(-1.0)))) < 1e-6);
  CHECK(ops::kl_divergence(logits, logits, {}, 1, 1).loss.dtype() == DType::f32);
  CHECK(ops::layer_norm(logits, ones({2}, DType::f32), ones({2}, DType::f32), 1e-5).mean.dtype() ==
        DType::f32);
}

TEST_CASE("halves: gradients have their values' types", "[halves]") {
  const Variable x =
      Variable::parameter(Tensor::from(std::vector<float>{0.1f, 0.2f, 0.7f, -1}, {2, 2}));
  const Variable weight = Variable::parameter(ones({2}, DType::f32)), bias = Tensor::zeros({2});
  const Variable half = cast(x, DType::bf16);
  const Variable y = layer_norm(half, weight, bias, 1e-5);
  CHECK(y.dtype() == DType::bf16);
  backward(cross_entropy(y, Tensor::from(std::vector<std::int32_t>{0, 1}), 0.5));
  CHECK(x.gradient().dtype() == DType::f32);
  CHECK(weight.gradient().dtype() == DType::f32);
  CHECK(cast(x, DType::f32).node() == x.node());
  CHECK(fails_with([&] { cast(x, DType::i32); }, "floating-point"));
}

TEST_CASE("halves: where they have no place, an error says so", "[halves]") {
  const Tensor half = ones({2, 2}, DType::bf16), wide = ones({2}, DType::f32);
  CHECK(fails_with([&] { ops::layer_norm(half, wide.to(DType::bf16), wide, 1e-5); },
                   "layer_norm: weight: expected f32 beside bf16, found bf16"));
  CHECK(fails_with([&] { ops::binary(BinaryOp::add, half, wide); }, "bf16 and f32"));
  CHECK(fails_with([&] { ops::sum_of_squares(half); }, "expected f32 or f64, found bf16"));
  CHECK(fails_with([&] { ops::softmax(Tensor::zeros({2}, DType::i32)); },
                   "expected f32, f64, bf16 or f16, found i32"));
  CHECK(fails_with(
      [&] { ops::cross_entropy_backward(half, half, Tensor::zeros({2}, DType::i32), wide, 1); },
      "dloss: expected f32 beside bf16"));
}

}  // namespace retort::testing
