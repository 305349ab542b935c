// Shapes, indices, sorting and einsum: views that don't copy, orders, and what doesn't fit.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tests/catch.h"

namespace retort {
namespace {

using Numbers = std::vector<double>;
using Places = std::vector<std::int64_t>;

Tensor counting(const Shape& shape) {
  Numbers values;
  for (std::int64_t i = 0; i < shape.count(); ++i) values.push_back(static_cast<double>(i));
  return Tensor::from(values, shape);
}

Numbers numbers(const Variable& x) { return x.value().to_vector<double>(); }
Places places(const Tensor& index) { return index.to_vector<std::int64_t>(); }
Tensor index(const Places& values) { return Tensor::from(values); }

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

TEST_CASE("ops: reshape shares memory wherever strides allow it", "[ops]") {
  const Tensor x = counting({4, 3, 2});
  const auto shares = [&](const Tensor& view, const Shape& shape) {
    const Tensor result = view.reshape(shape);
    CHECK(result.shape() == shape);
    CHECK(result.to_vector<double>() == view.to_vector<double>());
    return result.storage() == x.storage();
  };
  CHECK(shares(x.slice(0, 1, 3), {2, 6}));
  CHECK(shares(x.slice(1, 0, 2), {4, 1, 4}));  // the last two still lie behind each other
  CHECK_FALSE(shares(x.slice(1, 0, 2), {16}));
  CHECK(shares(x.slice(2, 1, 2), {12}));
  CHECK(shares(x.slice(2, 1, 2), {2, 2, 1, 3}));
  CHECK(shares(x.permute({2, 0, 1}), {2, 12}));
  CHECK(shares(x.permute({2, 0, 1}), {2, 2, 6}));
  CHECK_FALSE(shares(x.permute({2, 0, 1}), {8, 3}));
  CHECK(shares(x.transpose(0, 1), {3, 4, 1, 2}));
  CHECK(shares(x.slice(0, 0, 1).expand({5, 3, 2}), {5, 6}));
  CHECK(shares(x.slice(0, 0, 4, 2), {2, 6}));
  CHECK(numbers(unsqueeze(squeeze(x.slice(1, 1, 2), 1), 0)) == Numbers{2, 3, 8, 9, 14, 15, 20, 21});
}

TEST_CASE("ops: slices with a step", "[ops]") {
  const Tensor x = counting({7});
  CHECK(x.slice(0, 0, 7, 3).to_vector<double>() == Numbers{0, 3, 6});
  CHECK(x.slice(0, 1, 6, 2).to_vector<double>() == Numbers{1, 3, 5});
  CHECK(x.slice(0, 2, 3, 100).to_vector<double>() == Numbers{2});
  CHECK(x.slice(0, 3, 3, 2).count() == 0);
  CHECK(contains(error_of([&] { x.slice(0, 0, 7, 0); }), "step of at least 1, found 0"));
  CHECK(contains(error_of([&] { x.slice(0, 0, 7, -1); }), "flip() goes backwards"));
  CHECK(contains(error_of([&] { embed_slice(x, 0, 0, 13, 14); }), "step from 1 to 13"));
  CHECK(contains(error_of([&] { embed_slice(x, 0, 1, 13, 2); }), "slice: [1, 14)"));
}

TEST_CASE("ops: moving operations say what doesn't fit", "[ops]") {
  const Variable x = counting({2, 3});
  CHECK(contains(error_of([&] { stack({}, 0); }), "stack: expected at least one"));
  CHECK(contains(error_of([&] { stack({x, counting({3, 2})}, 0); }), "[1, 3, 2] doesn't fit"));
  CHECK(contains(error_of([&] { split(x, {1, 1}, 1); }), "split: the pieces have 2 elements"));
  CHECK(contains(error_of([&] { split(x, {4, -1}, 1); }), "split: a piece of 4"));
  CHECK(contains(error_of([&] { squeeze(x, 0); }), "squeeze: dimension 0 of [2, 3] isn't 1"));
  CHECK(contains(error_of([&] { unsqueeze(x, 3); }), "can't get a dimension 3"));
  CHECK(contains(error_of([&] { unsqueeze(x, -4); }), "can't get a dimension -4"));
  CHECK(contains(error_of([&] { pad(x, {{1, 1}}); }), "each dimension of [2, 3], found it for 1"));
  CHECK(contains(error_of([&] {
                   pad(x, {{1, 1}, {-1, 0}});
                 }),
                 "(-1, 0) of dimension 1 is negative"));
  CHECK(contains(error_of([&] { pad(x, {{1, 1}, {0, INT64_MAX}}); }), "too large"));
  CHECK(contains(error_of([&] { repeat(x, {2}); }), "doesn't name every dimension"));
  CHECK(contains(error_of([&] { repeat(x, {2, -1}); }), "negative"));
  CHECK(contains(error_of([&] { repeat(x, {1, INT64_MAX}); }), "too large"));
  CHECK(contains(error_of([&] {
                   flip(x, {0, -2});
                 }),
                 "flip: dimension -2 of [2, 3] is named twice"));
  CHECK(contains(error_of([&] { flip(x, {2}); }), "no dimension 2"));
  // Flipped memory is memory like any other.
  CHECK(flip(x, {0, 1}).value().is_contiguous());
  CHECK(numbers(flip(x, {1})) == Numbers{2, 1, 0, 5, 4, 3});
  const Tensor ids = Tensor::from(std::vector<std::int32_t>{1, 2, 3, 4});
  CHECK(ids.reversed(std::vector<int>{0}).clone().to_vector<std::int32_t>() ==
        std::vector<std::int32_t>{4, 3, 2, 1});
}

TEST_CASE("ops: indices are checked one by one", "[ops]") {
  const Variable x = counting({2, 3}), source = counting({1, 3});
  CHECK(numbers(gather(x, 0, index({1, 0, 1}).reshape({1, 3}))) == Numbers{3, 1, 5});
  CHECK(numbers(index_select(x, -1, index({2, 0}))) == Numbers{2, 0, 5, 3});
  CHECK(numbers(index_add(x, 0, index({1}), source)) == Numbers{0, 1, 2, 3, 5, 7});
  CHECK(contains(error_of([&] {
                   index_select(x, 0, index({0, 2}));
                 }),
                 "index_select: index 2 is outside of [0, 2)"));
  CHECK(contains(error_of([&] { index_select(x, 0, index({-1})); }), "index -1 is outside"));
  CHECK(contains(error_of([&] {
                   gather(x, 1, index({0, 3}).reshape({2, 1}));
                 }),
                 "gather: index 3 is outside of [0, 3)"));
  CHECK(contains(error_of([&] {
                   scatter_add(x, 0, index({0, 1, 2}).reshape({1, 3}), source);
                 }),
                 "scatter_add: index 2"));
  CHECK(contains(error_of([&] { index_add(x, 0, index({2}), source); }), "index_add: index 2"));
  CHECK(contains(error_of([&] {
                   gather(x, 0, index({0, 1}));
                 }),
                 "gather: indices of shape [2] don't fit [2, 3] along dimension 0"));
  CHECK(contains(error_of([&] { gather(x, 1, index({0, 1, 0}).reshape({3, 1})); }), "don't fit"));
  CHECK(contains(error_of([&] {
                   gather(x, 2, index({0, 1, 0}).reshape({1, 3}));
                 }),
                 "no dimension 2"));
  CHECK(contains(error_of([&] { gather(x, 0, counting({1, 3})); }), "i32 or i64, found f64"));
  CHECK(contains(error_of([&] { index_select(x, 0, counting({1, 3})); }), "list of indices"));
  CHECK(contains(error_of([&] {
                   scatter_add(x, 0, index({0, 1, 0}).reshape({1, 3}), x);
                 }),
                 "[2, 3] to add don't fit [1, 3] indices"));
  CHECK(contains(error_of([&] {
                   index_add(x, 0, index({0, 1, 0}), source);
                 }),
                 "index_add: expected [3, 3] to add, found [1, 3]"));
  CHECK(index_select(Tensor::zeros({0, 3}), 0, index({})).shape() == Shape{0, 3});
  CHECK_FALSE(error_of([&] { index_select(Tensor::zeros({0, 3}), 0, index({0})); }).empty());
}

TEST_CASE("ops: sorting is stable, with NaN as the largest", "[ops]") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const Variable x = Tensor::from(Numbers{3, nan, 1, 3, -0.0, 0.0, -infinity, nan});
  CHECK(places(sort(x, 0).indices) == Places{6, 4, 5, 2, 0, 3, 1, 7});
  CHECK(places(sort(x, 0, true).indices) == Places{1, 7, 0, 3, 2, 4, 5, 6});
  CHECK(places(topk(x, 3, 0).indices) == Places{1, 7, 0});
  CHECK(places(topk(x, 3, 0, false).indices) == Places{6, 4, 5});
  CHECK(topk(x, 0, 0).values.shape() == Shape{0});
  CHECK(sort(Tensor::zeros({2, 0}), 1).indices.shape() == Shape{2, 0});
  CHECK(sort(x, 0).indices.dtype() == DType::i64);
  CHECK(contains(error_of([&] { topk(x, 9, 0); }), "topk: expected a number from 0 to 8, found 9"));
  CHECK(contains(error_of([&] { topk(x, -1, 0); }), "found -1"));
  CHECK(contains(error_of([&] { sort(x, 1); }), "no dimension 1"));
}

TEST_CASE("ops: einsum says what is wrong with an equation", "[ops]") {
  const Variable x = counting({2, 3}), y = counting({4, 2});
  const auto error = [](const char* equation, const Variables& operands) {
    return error_of([&] { einsum(equation, operands); });
  };
  CHECK(contains(error("ij,jk->ik", {x, y}), "index 'j' is 3 in one operand and 4 in the other"));
  CHECK(contains(error("ij,jk->ik", {x}), "is for 2 operands, found 1"));
  CHECK(contains(error("ij", {x, y, x}), "one or two operands, found 3"));
  CHECK(contains(error("ijk", {x}), "doesn't name the 2 dimensions of [2, 3]"));
  CHECK(contains(error("ii", {x}), "index 'i' stands twice in one place"));
  CHECK(contains(error("ij->ii", {x}), "index 'i' stands twice in one place"));
  CHECK(contains(error("ij->ik", {x}), "index 'k' of the result is in no operand"));
  CHECK(contains(error("...j->j", {x}), "found '.'"));
  CHECK(contains(error("ij->i->j", {x}), "found '-'"));
  CHECK(contains(error("ij->i,j", {x}), "found ','"));
  CHECK(contains(error("ij-", {x}), "found '-'"));
  CHECK(contains(error("", {x}), "doesn't name the 2 dimensions"));
  CHECK(einsum("", {Tensor::scalar(3)}).item() == 3);
}

}  // namespace retort
