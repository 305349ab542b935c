// Tensors: views, borrowed memory, wrong arguments, and sizes that nobody should ask for.
#include "tensor/tensor.h"

#include <cmath>
#include <limits>

#include "tensor/base/error.h"
#include "tensor/ops.h"
#include "tests/catch.h"

namespace retort {
namespace {

// 0, 1, 2, … in f64.
Tensor counting(const Shape& shape) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.count(); ++i) values.push_back(static_cast<double>(i));
  return Tensor::from(values, shape);
}

std::vector<double> numbers(const Tensor& x) { return x.to_vector<double>(); }
using Numbers = std::vector<double>;

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("tensor: shapes", "[tensor]") {
  const Shape shape = {2, 3, 4};
  CHECK(shape.rank() == 3);
  CHECK(shape.count() == 24);
  CHECK(shape[-1] == 4);
  CHECK(shape.text() == "[2, 3, 4]");
  CHECK(Shape{}.text() == "[]");
  CHECK(Shape{}.count() == 1);
  CHECK(contiguous_strides(shape) == Shape{12, 4, 1});
  CHECK_FALSE(shape == Shape{2, 3});
  Shape erased = shape;
  erased.erase(-2);
  CHECK(erased == Shape{2, 4});
  CHECK(contains(error_of([&] { (void)shape[3]; }), "no dimension 3"));
  CHECK(contains(error_of([&] { (void)shape[-4]; }), "no dimension -4"));
  CHECK(contains(error_of([] { (Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}); }), "8 dimensions"));

  CHECK(broadcast({2, 1, 3}, {4, 1}, "x") == Shape{2, 4, 3});
  CHECK(broadcast({}, {5}, "x") == Shape{5});
  CHECK(broadcast({1}, {0}, "x") == Shape{0});
  CHECK(contains(error_of([] {
                   broadcast({2, 3}, {2, 4}, "sum");
                 }),
                 "sum: shapes [2, 3] and [2, 4]"));
}

TEST_CASE("tensor: views share memory and keep the order", "[tensor]") {
  const Tensor x = counting({2, 3, 4});
  CHECK(numbers(x.slice(1, 1, 2)) == Numbers{4, 5, 6, 7, 16, 17, 18, 19});
  CHECK(numbers(x.slice(-1, 3, 4).slice(0, 1, 2)) == Numbers{15, 19, 23});
  CHECK(x.slice(2, 1, 1).count() == 0);
  CHECK(numbers(x.slice(0, 0, 1).transpose()) == Numbers{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
  CHECK(x.permute({2, 0, 1}).shape() == Shape{4, 2, 3});
  CHECK(numbers(x.permute({2, 0, -2}).slice(0, 1, 2)) == Numbers{1, 5, 9, 13, 17, 21});
  CHECK(numbers(counting({3, 1}).expand({2, 3, 2})) == Numbers{0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2});
  for (const Tensor& view :
       {x.slice(0, 1, 2), x.permute({2, 1, 0}), x.expand({5, 2, 3, 4}), x.reshape({6, 4})})
    CHECK(view.storage() == x.storage());

  Tensor written = x.clone();
  Tensor view = written.slice(2, 1, 3).slice(1, 0, 1);
  const std::uint64_t version = written.storage()->version;
  view.copy_from(Tensor::full({2, 1, 2}, -1, DType::f32));  // converts
  CHECK(written.storage()->version > version);
  CHECK(numbers(written.slice(1, 0, 1)) == Numbers{0, -1, -1, 3, 12, -1, -1, 15});
  CHECK(numbers(x)[1] == 1);
}

TEST_CASE("tensor: reshape copies when it must", "[tensor]") {
  const Tensor x = counting({2, 3});
  CHECK(x.reshape({3, -1}).shape() == Shape{3, 2});
  CHECK(x.reshape({-1}).storage() == x.storage());
  const Tensor turned = x.transpose();
  CHECK_FALSE(turned.is_contiguous());
  const Tensor flat = turned.reshape({6});
  CHECK(flat.storage() != x.storage());
  CHECK(numbers(flat) == Numbers{0, 3, 1, 4, 2, 5});
  CHECK(counting({1}).reshape({}).rank() == 0);
  CHECK(counting({0, 3}).reshape({3, 0}).count() == 0);
  CHECK(x.slice(0, 1, 2).is_contiguous());
  CHECK(x.contiguous().storage() == x.storage());
  CHECK(x.clone().storage() != x.storage());
}

TEST_CASE("tensor: indices and shapes outside are errors that say what was found", "[tensor]") {
  const Tensor x = counting({2, 3});
  CHECK(contains(error_of([&] { x.slice(1, 2, 4); }), "[2, 4)"));
  CHECK(contains(error_of([&] { x.slice(1, -1, 2); }), "[-1, 2)"));
  CHECK(contains(error_of([&] { x.slice(1, 2, 1); }), "[2, 1)"));
  CHECK(contains(error_of([&] { x.slice(2, 0, 1); }), "no dimension 2"));
  CHECK(contains(error_of([&] { x.reshape({4}); }), "6 elements"));
  CHECK(contains(error_of([&] { x.reshape({-1, -1}); }), "two sizes"));
  CHECK(contains(error_of([&] { x.reshape({4, -1}); }), "another number"));
  CHECK(contains(error_of([&] { x.permute({0}); }), "every dimension"));
  CHECK(contains(error_of([&] { x.permute({1, 1}); }), "twice"));
  CHECK(contains(error_of([&] { x.permute({0, 2}); }), "no dimension 2"));
  CHECK(contains(error_of([&] { x.transpose(0, 2); }), "no dimension 2"));
  CHECK(contains(error_of([&] { x.expand({3, 3}); }), "[3, 3]"));
  CHECK(contains(error_of([&] { x.expand({3}); }), "[3]"));
  CHECK(contains(error_of([&] { (void)x.item(); }), "[2, 3]"));
  CHECK(contains(error_of([&] { (void)x.data<float>(); }), "expected f32, found f64"));
  CHECK(contains(error_of([&] { Tensor::from(std::vector<float>{1, 2}, {3}); }), "2 values"));
  CHECK(contains(error_of([&] { counting({3}).copy_from(x); }), "expected [3], found [2, 3]"));
}

TEST_CASE("tensor: no tensor is an error, not a crash", "[tensor]") {
  Tensor none;
  CHECK_FALSE(none.defined());
  CHECK(none.text() == "undefined");
  CHECK_FALSE(error_of([&] { (void)none.item(); }).empty());
  CHECK_FALSE(error_of([&] { (void)none.data<float>(); }).empty());
  CHECK_FALSE(error_of([&] { (void)none.to_vector<float>(); }).empty());
  CHECK_FALSE(error_of([&] { (void)none.clone(); }).empty());
  CHECK_FALSE(error_of([&] { ops::unary(UnaryOp::exp, none); }).empty());
  CHECK_FALSE(error_of([&] { ops::binary(BinaryOp::add, none, none); }).empty());
  CHECK_FALSE(error_of([&] { ops::fill(none, 1); }).empty());
  CHECK_FALSE(error_of([&] { ops::reduce(ReduceOp::sum, none, {}, false); }).empty());
}

TEST_CASE("tensor: hostile shapes", "[tensor]") {
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  const auto make = [](const Shape& shape) { return error_of([&] { Tensor::zeros(shape); }); };
  CHECK(contains(make({-1}), "negative"));
  CHECK(contains(make({3, -2, -2}), "negative"));
  CHECK(contains(make({0, -1}), "negative"));
  // Products that wrap around to zero or to something small.
  for (const Shape& shape :
       {Shape{kHuge, 4}, Shape{std::int64_t{1} << 32, std::int64_t{1} << 32},
        Shape{kHuge, kHuge, kHuge}, Shape{(std::int64_t{1} << 32) + 1, 1u << 31, 2},
        Shape{std::numeric_limits<std::int64_t>::max()}, Shape{1 << 30, 1 << 30}}) {
    INFO(shape);
    CHECK_FALSE(make(shape).empty());
    CHECK(make(shape).size() < 300);
  }
  CHECK(Tensor::zeros({kHuge, 4, 0}).count() == 0);
  CHECK(Tensor::zeros({0, kHuge, kHuge}).text() == Tensor::zeros({0}).text());

  const Tensor x = counting({6});
  CHECK_FALSE(error_of([&] { x.reshape({-2, -3}); }).empty());
  CHECK_FALSE(error_of([&] { x.reshape({-6, -1}); }).empty());
  CHECK_FALSE(error_of([&] {
                x.reshape({std::int64_t{1} << 32, std::int64_t{1} << 32, -1});
              }).empty());
  CHECK_FALSE(error_of([&] { x.reshape({kHuge, 4, 6}); }).empty());
  CHECK_FALSE(error_of([&] { counting({1}).expand({-3}); }).empty());
  CHECK_FALSE(error_of([&] { counting({1}).expand({kHuge, kHuge}).clone(); }).empty());
  CHECK_FALSE(error_of([&] { Tensor::borrow(nullptr, nullptr, {-1}, DType::f32); }).empty());
  CHECK_FALSE(error_of([&] { Tensor::borrow(nullptr, nullptr, {kHuge, 4}, DType::f32); }).empty());
}

TEST_CASE("tensor: borrowed memory is read-only and is kept alive", "[tensor]") {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
  Tensor x = Tensor::borrow(owner, owner->data(), {2, 2}, DType::f32);
  std::weak_ptr<std::vector<float>> watch = owner;
  owner.reset();
  CHECK(numbers(x) == Numbers{1, 2, 3, 4});
  CHECK(contains(error_of([&] { x.mutable_data<float>(); }), "read-only"));
  CHECK(contains(error_of([&] { ops::fill(x, 0); }), "read-only"));
  Tensor view = x.slice(0, 1, 2);
  CHECK(contains(error_of([&] { view.copy_from(Tensor::zeros({1, 2})); }), "read-only"));
  CHECK(numbers(x) == Numbers{1, 2, 3, 4});
  Tensor copy = x.clone();
  ops::fill(copy, 5);
  x = {};
  CHECK_FALSE(watch.expired());  // the view holds it
  view = {};
  CHECK(watch.expired());
}

TEST_CASE("tensor: operations check what they are given", "[tensor]") {
  const Tensor x = counting({2, 3}), single = Tensor::zeros({2, 3});
  CHECK(contains(error_of([&] { ops::binary(BinaryOp::add, x, single); }), "f64 and f32"));
  CHECK(
      contains(error_of([&] { ops::unary(UnaryOp::exp, Tensor::zeros({2}, DType::i32)); }), "i32"));
  CHECK(contains(error_of([&] { ops::matmul(x, x); }), "[2, 3] x [2, 3]"));
  CHECK(contains(error_of([&] { ops::matmul(x, counting({3})); }), "two matrices"));
  CHECK(contains(error_of([&] { ops::matmul(x, counting({3, 2}), counting({3})); }), "bias"));
  CHECK(contains(error_of([&] { ops::softmax(Tensor::scalar(1)); }), "dimension"));
  CHECK(contains(error_of([&] { ops::layer_norm(x, counting({2}), counting({2}), 1e-5); }),
                 "[2, 3]"));
  CHECK(contains(error_of([&] { ops::concat(std::vector<Tensor>{}, 0); }), "at least one"));
  CHECK(contains(error_of([&] {
                   ops::concat(std::vector<Tensor>{x, counting({2, 4})}, 0);
                 }),
                 "[2, 4]"));
  CHECK(contains(error_of([&] { ops::dropout_rule(1, {}, 0); }), "[0, 1)"));
  CHECK(contains(error_of([&] { ops::dropout_rule(std::nan(""), {}, 0); }), "[0, 1)"));
  CHECK(ops::dropout_rule(1 - 1e-12, {}, 0).drop_below == 0xFFFFu);
  const Tensor labels = Tensor::from(std::vector<std::int32_t>{0, 3});
  CHECK(contains(error_of([&] { ops::cross_entropy(x, labels, 1); }), "label 3"));
  CHECK(contains(error_of([&] { ops::cross_entropy(x, {}, 1); }), "labels"));
  CHECK(contains(error_of([&] { ops::kl_divergence(x, counting({3, 2}), {}, 1, 1); }), "[3, 2]"));
  CHECK(contains(error_of([&] { ops::kl_divergence(x, x, {}, 0, 1); }), "temperature"));
}

}  // namespace retort
