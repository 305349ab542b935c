// Linear layers: compute types, fused activation, prepared weights, and their gradients.
#include <cmath>

#include "autograd/ops.h"
#include "tensor/dispatch.h"
#include "tensor/ops.h"
#include "tensor/prepared.h"
#include "tests/engine/engine_testing.h"
#include "tests/engine/kernel_testing.h"

namespace retort {
namespace {

using namespace testing;

template <class F>
void for_all_tables(F&& f) {
  const Restore restore;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    INFO("instruction set " << isa);
    f();
  }
}

/// The largest |found − expected| over the largest |expected|.
double distance(const Tensor& found, const Tensor& expected) {
  REQUIRE(found.shape() == expected.shape());
  const auto x = found.to_vector<double>(), y = expected.to_vector<double>();
  double far = 0, size = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!(std::fabs(x[i] - y[i]) <= far)) far = std::fabs(x[i] - y[i]);
    size = std::max(size, std::fabs(y[i]));
  }
  return far / size;
}

/// x·wᵀ + b in f64, of operands rounded to `compute`.
Tensor oracle(const Tensor& x, const Tensor& weight, const Tensor& bias, DType compute) {
  const auto rounded = [&](const Tensor& t) { return t.to(compute).to(DType::f64); };
  return ops::matmul(rounded(x), rounded(weight).transpose(),
                     bias.defined() ? bias.to(DType::f64) : Tensor());
}

}  // namespace

TEST_CASE("linear: a compute type rounds the operands and nothing else", "[linear]") {
  for_all_tables([] {
    for (const DType compute : {DType::f32, DType::bf16, DType::f16})
      for (const std::int64_t rows : {1, 7, 90}) {
        INFO(name(compute) << ", rows " << rows);
        const Tensor x = random_tensor({rows, 130}, 1), weight = random_tensor({70, 130}, 2);
        const Tensor bias = random_tensor({70}, 3);
        ops::LinearOptions options;
        options.compute = compute;
        const Tensor y = ops::linear(x, weight, bias, options);
        CHECK(y.dtype() == DType::f32);
        CHECK(distance(y, oracle(x, weight, bias, compute)) <= 1e-6);
        options.result = DType::bf16;
        const Tensor narrow = ops::linear(x.to(compute), weight, bias, options);
        CHECK(narrow.dtype() == DType::bf16);
        CHECK(same_bits(narrow, y.to(DType::bf16)));
      }
  });
}

TEST_CASE("linear: the fused gelu is the plain one", "[linear]") {
  for_all_tables([] {
    for (const std::int64_t rows : {3, 200}) {
      const Tensor x = random_tensor({rows, 60}, 1), weight = random_tensor({150, 60}, 2);
      const Tensor bias = random_tensor({150}, 3);
      const auto fused = [&](const auto& y, auto options) {
        options.gelu = true;
        return y(options);
      };
      const auto f32 = [&](const ops::LinearOptions& o) { return ops::linear(x, weight, bias, o); };
      CHECK(same_bits(fused(f32, ops::LinearOptions{}), ops::unary(UnaryOp::gelu, f32({}))));
      const auto wide = [&](const ops::LinearOptions& o) {
        return ops::linear(x.to(DType::f64), weight.to(DType::f64), bias.to(DType::f64), o);
      };
      CHECK(same_bits(fused(wide, ops::LinearOptions{}), ops::unary(UnaryOp::gelu, wide({}))));
      ops::LinearOptions half;
      half.compute = DType::bf16;
      CHECK(same_bits(fused(f32, half), ops::unary(UnaryOp::gelu, f32(half))));
      // With a gradient to come it isn't fused; the value is the same.
      const Variable parameter = Variable::parameter(weight);
      CHECK(same_bits(linear(x, parameter, bias, {.gelu = true}).value(),
                      fused(f32, ops::LinearOptions{})));
    }
  });
}

TEST_CASE("linear: gradients with a compute type", "[linear]") {
  for_all_tables([] {
    const Tensor x = random_tensor({90, 64}, 1), weight = random_tensor({40, 64}, 2);
    const Tensor bias = random_tensor({40}, 3), dy = random_tensor({90, 40}, 4);
    for (const DType stored : {DType::f32, DType::bf16}) {
      const Variable a = Variable::parameter(x.to(stored)), w = Variable::parameter(weight),
                     b = Variable::parameter(bias);
      const Variable y = linear(a, w, b, {.compute = DType::bf16});
      CHECK(y.dtype() == stored);
      const Variables g = grad({y}, {a, w, b}, {dy.to(stored)});
      CHECK(g[0].dtype() == stored);
      CHECK(g[1].dtype() == DType::f32);
      CHECK(g[2].dtype() == DType::f32);
      const double tolerance = stored == DType::f32 ? 1e-6 : 1.0 / 256;
      CHECK(distance(g[0].value(), oracle(dy, weight.transpose(), {}, DType::bf16)) <= tolerance);
      CHECK(distance(g[1].value(), oracle(dy.transpose(), x.transpose(), {}, DType::bf16)) <= 1e-6);
      CHECK(distance(g[2].value(), ops::sum_to(dy.to(stored).to(DType::f64), {40})) <= 1e-6);
    }
  });
}

TEST_CASE("linear: a row's bits don't depend on its batch mates, prepared or not", "[linear]") {
  for_all_tables([] {
    for (const DType compute : {DType::f32, DType::bf16}) {
      const Tensor x = random_tensor({400, 200}, 1), weight = random_tensor({100, 200}, 2);
      Prepared prepared;
      ops::LinearOptions options;
      options.compute = compute;
      const Tensor all = ops::linear(x, weight, {}, options);
      for (const bool use : {false, true}) {
        options.prepared = use ? &prepared : nullptr;
        for (std::int64_t m = 1; m <= 400; m += m < 36 ? 1 : 91) {
          INFO(name(compute) << ", prepared " << use << ", rows " << m);
          CHECK(same_bits(ops::linear(x.slice(0, 400 - m, 400), weight, {}, options),
                          all.slice(0, 400 - m, 400)));
        }
      }
    }
  });
}

TEST_CASE("linear: wrong arguments are errors", "[linear]") {
  const Tensor x = random_tensor({3, 4}, 1), weight = random_tensor({5, 4}, 2);
  std::string message = error_of([&] { ops::linear(x, weight.transpose()); });
  CHECK(contains(message, "linear"));
  CHECK(contains(message, "[3, 4]"));
  CHECK(contains(error_of([&] { ops::linear(x, weight, random_tensor({4}, 3)); }), "bias"));
  ops::LinearOptions options;
  options.compute = DType::i32;
  CHECK(contains(error_of([&] { ops::linear(x, weight, {}, options); }), "i32"));
}

TEST_CASE("Prepared: packing ahead changes no bit", "[prepared]") {
  for_all_tables([] {
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
      for (const std::int64_t rows : {1, 5, 33, 64, 65, 300}) {
        INFO(name(dtype) << ", rows " << rows);
        const Tensor x = random_tensor({rows, 210}, 1).to(dtype),
                     weight = random_tensor({131, 210}, 2).to(dtype);
        Prepared prepared;
        ops::LinearOptions options;
        options.prepared = &prepared;
        CHECK(same_bits(ops::linear(x, weight, {}, options), ops::linear(x, weight)));
        // The other way round: the product of a backward pass.
        const Tensor dy = random_tensor({rows, 131}, 3).to(dtype);
        CHECK(same_bits(ops::linear(dy, weight.transpose(), {}, options),
                        ops::linear(dy, weight.transpose())));
      }
  });
}

TEST_CASE("Prepared: a copy is kept while its weight stays the same, and made anew when not",
          "[prepared]") {
  const Restore restore;
  use_isa(available_isas().front());
  const Tensor x = random_tensor({6, 20}, 1);
  Tensor weight = random_tensor({10, 20}, 2);
  Prepared prepared;
  ops::LinearOptions options;
  options.prepared = &prepared;
  const auto product = [&] { return ops::linear(x, weight, {}, options); };
  const Tensor before = product();
  for (int i = 0; i < 3; ++i) CHECK(same_bits(product(), before));
  CHECK(prepared.made() == 1);
  ops::linear(random_tensor({6, 10}, 3), weight.transpose(), {}, options);
  CHECK(prepared.made() == 2);
  CHECK(prepared.copies() == 2);

  weight.copy_from(random_tensor({10, 20}, 4));  // an optimiser step
  CHECK(same_bits(product(), ops::linear(x, weight)));
  CHECK(!same_bits(product(), before));
  CHECK(prepared.made() == 3);
  CHECK(prepared.copies() == 2);

  weight = random_tensor({10, 20}, 5);  // other memory: what was packed is of no use any more
  CHECK(same_bits(product(), ops::linear(x, weight)));
  CHECK(prepared.copies() == 1);

  weight = Tensor();  // the next one gets the same place in memory
  weight = random_tensor({10, 20}, 6);
  CHECK(same_bits(product(), ops::linear(x, weight)));
  CHECK(prepared.copies() == 1);

  for (const std::string& isa : available_isas()) {  // a copy belongs to a table
    use_isa(isa);
    CHECK(same_bits(product(), ops::linear(x, weight)));
  }
  CHECK(prepared.copies() == 1);
}

TEST_CASE("Prepared: a mapped weight can still be read after it was packed", "[prepared]") {
  const Tensor weight = random_tensor({300, 200}, 2), x = random_tensor({5, 200}, 1);
  const auto owner = std::make_shared<Tensor>(weight.clone());
  const Tensor mapped = Tensor::borrow(owner, owner->raw(), {300, 200}, DType::f32);
  Prepared prepared;
  ops::LinearOptions options;
  options.prepared = &prepared;
  CHECK(same_bits(ops::linear(x, mapped, {}, options), ops::linear(x, weight)));
  CHECK(prepared.made() == 1);
  CHECK(same_bits(mapped, weight));
}

}  // namespace retort
