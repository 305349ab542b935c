// How leaves collect gradients: straight from a product, as a few rows, densely, and mixed.
#include <new>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/memory.h"
#include "tensor/ops.h"
#include "tensor/row_sparse.h"
#include "tests/engine/engine_testing.h"

namespace retort::testing {
namespace {

std::vector<std::int32_t> ids_of(const RowSparse& x) { return x.ids.to_vector<std::int32_t>(); }

Tensor ids(const std::vector<std::int32_t>& values) { return Tensor::from(values); }

}  // namespace

TEST_CASE("gradients: a weight's gradient adds up inside the product", "[gradients]") {
  Variable w = Variable::parameter(random_tensor({96, 80}, 1));
  const auto loss = [&](std::uint64_t seed) {
    return sum(square(linear(random_tensor({33, 80}, seed), w)));
  };
  const Tensor first = grad({loss(2)}, {w})[0].value(), second = grad({loss(3)}, {w})[0].value();
  backward(loss(2));
  CHECK(same_bits(w.gradient().value(), first));
  const void* place = w.gradient().value().raw();
  {
    const Variable next = loss(3);
    cpu_allocator().reset_peak();
    const std::size_t before = cpu_allocator().statistics().active_bytes;
    backward(next);
    // No second matrix of dW's size beside the first, only dy's and the product's scratch memory.
    const std::size_t extra = cpu_allocator().statistics().peak_active_bytes - before;
    const Variable constant_w = w.detach();
    const Variable x = Variable::parameter(random_tensor({33, 80}, 3));
    const Variable same = sum(square(linear(x, constant_w)));
    cpu_allocator().reset_peak();
    const std::size_t start = cpu_allocator().statistics().active_bytes;
    backward(same);  // the same without dW
    const std::size_t without = cpu_allocator().statistics().peak_active_bytes - start;
    CHECK(extra < without + 96 * 80 * sizeof(float));
  }
  CHECK(w.gradient().value().raw() == place);
  const auto expected = ops::binary(BinaryOp::add, first, second).to_vector<double>();
  const auto found = numbers(w.gradient());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(found[i] == Approx(expected[i]).epsilon(1e-5).margin(1e-4));

  // Somebody else's copy stays as it is.
  const Variable kept = w.gradient();
  const Tensor copy = kept.value().clone();
  backward(loss(4));
  CHECK(same_bits(kept.value(), copy));
  CHECK_FALSE(same_bits(w.gradient().value(), copy));
  // Twice in one graph, and with a gradient that came another way.
  w.clear_gradient();
  backward(loss(2) + loss(3) + sum(w));
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(numbers(w.gradient())[i] == Approx(expected[i] + 1).epsilon(1e-5).margin(1e-4));
}

TEST_CASE("gradients: an exception in a product leaves the leaf as it was", "[gradients]") {
  const Variable w = Variable::parameter(Tensor::full({2, 2}, 1, DType::f64));
  const Variable bad =
      record("bad", w.value(), wrt(w, [into = Destination(w)](const Variable&) {
               into.gradient()->write([](Tensor&, bool) { throw std::bad_alloc(); });
               return Variable();
             }));
  CHECK_FALSE(error_of([&] { backward(sum(bad)); }).empty());
  CHECK_FALSE(w.gradient().defined());
  backward(sum(w));
  CHECK(numbers(w.gradient()) == std::vector<double>(4, 1));
}

TEST_CASE("gradients: an embedding's gradient is rows", "[gradients]") {
  Variable table = Variable::parameter(random_tensor({50, 7}, 1, 1, DType::f64));
  const Variable factors = random_tensor({5, 7}, 2, 1, DType::f64);
  const Tensor look = ids({30, 2, 30, 49, 2});
  const Tensor dense = grad({sum(embedding(table, look) * factors)}, {table})[0].value();
  backward(sum(embedding(table, look) * factors));
  REQUIRE(table.gradient_rows() != nullptr);
  CHECK(ids_of(*table.gradient_rows()) == std::vector<std::int32_t>{2, 30, 49});
  CHECK(table.gradient_rows()->rows.shape() == Shape{3, 7});
  CHECK(same_bits(table.gradient().value(), dense));

  // Sparse + sparse stays sparse.
  const Tensor more = ids({7, 30, 0});
  const Variable part = slice(factors, 0, 0, 3);
  const Tensor other = grad({sum(embedding(table, more) * part)}, {table})[0].value();
  backward(sum(embedding(table, more) * part));
  REQUIRE(table.gradient_rows() != nullptr);
  CHECK(ids_of(*table.gradient_rows()) == std::vector<std::int32_t>{0, 2, 7, 30, 49});
  CHECK(same_bits(table.gradient().value(), ops::binary(BinaryOp::add, dense, other)));

  // Two look-ups in one graph.
  table.clear_gradient();
  CHECK(table.gradient_rows() == nullptr);
  backward(sum(embedding(table, look) * factors) + sum(embedding(table, more) * part));
  CHECK(ids_of(*table.gradient_rows()) == std::vector<std::int32_t>{0, 2, 7, 30, 49});
  CHECK(same_bits(table.gradient().value(), ops::binary(BinaryOp::add, dense, other)));

  // No rows at all.
  table.clear_gradient();
  backward(sum(embedding(table, look.slice(0, 0, 0))));
  CHECK(ids_of(*table.gradient_rows()).empty());
  CHECK(numbers(table.gradient()) == std::vector<double>(350, 0));
}

TEST_CASE("gradients: rows and a dense gradient are dense", "[gradients]") {
  // A tied weight: looked up at the bottom, multiplied with at the top.
  const Tensor look = ids({3, 1, 3});
  const Tensor values = random_tensor({6, 4}, 1, 1, DType::f64);
  const auto loss = [&](const Variable& table) {
    const Variable h = embedding(table, look);
    return sum(square(linear(tanh(h), table)));
  };
  Variable table = Variable::parameter(values);
  const Tensor expected = grad({loss(table)}, {table})[0].value();
  backward(loss(table));
  CHECK(table.gradient_rows() == nullptr);
  const auto close = [](const Variable& found, const Tensor& wanted, double factor) {
    const auto a = numbers(found), b = wanted.to_vector<double>();
    for (std::size_t i = 0; i < b.size(); ++i) CHECK(a[i] == Approx(factor * b[i]).margin(1e-12));
  };
  close(table.gradient(), expected, 1);
  backward(loss(table));
  close(table.gradient(), expected, 2);
  // Rows first, then a product, then rows.
  Variable second = Variable::parameter(values);
  const Variable x = random_tensor({5, 4}, 9, 1, DType::f64);
  const Tensor rows = grad({sum(square(embedding(second, look)))}, {second})[0].value();
  const Tensor product = grad({sum(square(linear(x, second)))}, {second})[0].value();
  backward(sum(square(embedding(second, look))));
  CHECK(second.gradient_rows() != nullptr);
  const Variable sparse = second.gradient();
  backward(sum(square(linear(x, second))));
  CHECK(second.gradient_rows() == nullptr);
  close(second.gradient(), ops::binary(BinaryOp::add, rows, product), 1);
  const Variable both = second.gradient();
  const Tensor copy = both.value().clone();
  backward(sum(square(embedding(second, look))));
  close(second.gradient(),
        ops::binary(BinaryOp::add, ops::binary(BinaryOp::add, rows, product), rows), 1);
  CHECK(same_bits(both.value(), copy));
  CHECK(same_bits(sparse.value(), rows));
}

TEST_CASE("gradients: where the gradient itself is wanted, it is dense", "[gradients]") {
  Variable table = Variable::parameter(random_tensor({9, 3}, 1, 1, DType::f64));
  const Tensor look = ids({4, 4, 0});
  const Variable gradient =
      grad({sum(square(embedding(table, look)))}, {table}, {}, {.create_graph = true})[0];
  CHECK(gradient.shape() == Shape{9, 3});
  CHECK(gradient.requires_grad());
  const auto second = numbers(grad({sum(gradient)}, {table})[0]);
  CHECK(second[0] == 2);
  CHECK(second[12] == 4);
  CHECK(second[3] == 0);
  int calls = 0;
  table.add_hook([&](const Variable& whole) {
    ++calls;
    CHECK(whole.shape() == Shape{9, 3});
    return scale(whole, 2);
  });
  backward(sum(embedding(table, look)));
  CHECK(calls == 1);
  CHECK(table.gradient_rows() == nullptr);
  CHECK(numbers(table.gradient())[12] == 4);
}

TEST_CASE("gradients: rows check what they are given", "[gradients]") {
  const Tensor rows = Tensor::full({2, 3}, 1);
  CHECK(contains(error_of([&] { ops::row_sparse(rows, ids({1}), 5); }), "[1] ids"));
  CHECK(contains(error_of([&] { ops::row_sparse(rows, ids({1, 5}), 5); }), "an id of 5"));
  CHECK(contains(error_of([&] { ops::row_sparse(rows, ids({-1, 2}), 5); }), "an id of -1"));
  const RowSparse x = ops::row_sparse(rows, ids({1, 4}), 5);
  CHECK(x.shape() == Shape{5, 3});
  CHECK(contains(error_of([&] { ops::add(x, ops::row_sparse(rows, ids({1, 4}), 6)); }), "[6, 3]"));
  Tensor wrong = Tensor::zeros({5, 2});
  CHECK(contains(error_of([&] { ops::add_to(wrong, x); }), "[5, 2]"));
}

TEST_CASE("gradients: a table's rows cost what they are, not what the table is", "[gradients]") {
  Variable table = Variable::parameter(Tensor::full({100'000, 8}, 1));
  cpu_allocator().reset_peak();
  const std::size_t before = cpu_allocator().statistics().active_bytes;
  backward(sum(square(embedding(table, ids({5, 99'999, 5})))));
  CHECK(cpu_allocator().statistics().peak_active_bytes - before < 64 * 1024);
  CHECK(table.gradient_rows() != nullptr);
}

}  // namespace retort::testing
