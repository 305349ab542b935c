// Memory over many training steps: nothing leaks, nothing is asked of the system once shapes have
// been seen, and ragged batches don't pile up blocks of every size.
#include <algorithm>

#include "autograd/ops.h"
#include "tensor/memory.h"
#include "tensor/ops.h"
#include "tests/engine/engine_testing.h"

namespace retort::testing {
namespace {

constexpr std::int64_t kHidden = kQuick ? 32 : 96, kInner = 4 * kHidden,
                       kVocab = kQuick ? 300 : 3000;

// An embedding, two transformer blocks and a classifier, trained by plain gradient descent.
class Network {
 public:
  Network() {
    add({kVocab, kHidden});
    for (int block = 0; block < 2; ++block)
      for (const Shape& shape :
           {Shape{kHidden}, Shape{kHidden}, Shape{3 * kHidden, kHidden}, Shape{3 * kHidden},
            Shape{kInner, kHidden}, Shape{kInner}, Shape{kHidden, kInner}, Shape{kHidden}})
        add(shape);
    add({2, kHidden});
  }

  void step(const std::vector<std::int32_t>& lengths, std::uint64_t seed) {
    const Ragged ragged = Ragged::packed(lengths);
    RandomStream random(seed);
    std::vector<std::int32_t> ids, labels;
    for (std::int64_t i = 0; i < ragged.rows; ++i) {
      ids.push_back(static_cast<std::int32_t>(random.below(kVocab)));
      labels.push_back(static_cast<std::int32_t>(random.below(2)));
    }
    Variable x = embedding(parameters_[0], Tensor::from(ids));
    for (std::size_t block = 0; block < 2; ++block) {
      const Variable* p = &parameters_[1 + 8 * block];
      const Variable qkv = linear(layer_norm(x, p[0], p[1], 1e-5), p[2], p[3]);
      const auto part = [&](int i) { return slice(qkv, 1, i * kHidden, (i + 1) * kHidden); };
      x = x + attention(part(0), part(1), part(2), ragged, {.heads = 4, .scale = 0.2});
      x = x + linear(gelu(linear(x, p[4], p[5])), p[6], p[7]);
    }
    backward(cross_entropy(linear(x, parameters_.back()), Tensor::from(labels), 1e-3));
    for (Variable& p : parameters_) {
      const Tensor update = ops::scale(p.gradient().value(), -0.01);
      ops::add_to(p.leaf_value(), update);
      p.clear_gradient();
    }
  }

 private:
  void add(const Shape& shape) {
    parameters_.push_back(Variable::parameter(random_tensor(shape, parameters_.size(), 0.05)));
  }
  std::vector<Variable> parameters_;
};

CachingAllocator::Statistics statistics() { return cpu_allocator().statistics(); }

// How many blocks and bytes 20 equal steps leave behind, the first two apart.
template <class Step>
std::pair<std::int64_t, std::size_t> left_behind(Step&& step) {
  step();
  step();
  const auto before = statistics();
  for (int i = 0; i < 18; ++i) step();
  const auto after = statistics();
  return {after.active_blocks - before.active_blocks, after.active_bytes - before.active_bytes};
}

}  // namespace

TEST_CASE("memory: a tensor that a training loop leaks shows in the counters", "[memory]") {
  Network network;
  const std::vector<std::int32_t> lengths = {10, 20};
  CHECK(left_behind([&] { network.step(lengths, 1); }) ==
        std::pair<std::int64_t, std::size_t>{0, 0});
  std::vector<Tensor> leaked;
  const auto found = left_behind([&] {
    network.step(lengths, 1);
    leaked.push_back(Tensor::zeros({1}));
  });
  CHECK(found == std::pair<std::int64_t, std::size_t>{18, 18 * 64});
}

TEST_CASE("memory: a graph that is dropped or used gives everything back", "[memory]") {
  const Variable w = Variable::parameter(random_tensor({64, 64}, 1));
  const auto before = statistics();
  const auto graph = [&] {
    Variable x = Tensor::full({32, 64}, 0.5);
    for (int layer = 0; layer < 10; ++layer) x = gelu(linear(x, w));
    return sum(x);
  };
  {
    const Variable dropped = graph();
    CHECK(statistics().active_blocks > before.active_blocks + 20);
  }
  CHECK(statistics().active_bytes == before.active_bytes);
  Variable loss = graph();
  const auto full = statistics();
  grad({loss}, {w}, {}, {.retain_graph = true});
  CHECK(statistics().active_bytes == full.active_bytes);  // kept, as asked
  grad({loss}, {w});
  // Used: what was saved is gone though the loss still stands.
  CHECK(statistics().active_bytes == before.active_bytes + 64);
  loss = {};
  CHECK(statistics().active_bytes == before.active_bytes);
  CHECK(statistics().active_blocks == before.active_blocks);
}

TEST_CASE("memory: steps of one shape ask the system for nothing after the second", "[memory]") {
  cpu_allocator().trim();
  Network network;
  const std::vector<std::int32_t> lengths = {33, 8, 120, 64};
  network.step(lengths, 1);
  network.step(lengths, 2);
  const auto asked = statistics().system_allocations;
  for (std::uint64_t seed = 3; seed < (kQuick ? 6 : 20); ++seed) network.step(lengths, seed);
  CHECK(statistics().system_allocations == asked);
}

TEST_CASE("memory: an embedding's gradient takes as much whatever the ids are", "[memory]") {
  const auto bytes_with = [](std::int64_t rows,
                             const std::vector<std::vector<std::int32_t>>& batches) {
    Variable table = Variable::parameter(random_tensor({rows, 8}, 1));
    for (const auto& ids : batches) backward(sum(embedding(table, Tensor::from(ids))));
    const RowSparse& gradient = *table.gradient_rows();
    return std::pair(gradient.ids.storage()->bytes, gradient.rows.storage()->bytes);
  };
  const auto of_rows = [](std::size_t rows) {
    return std::pair(rows * sizeof(std::int32_t), rows * 8 * sizeof(float));
  };
  CHECK(bytes_with(100, {{1, 2, 3, 4}}) == of_rows(4));
  CHECK(bytes_with(100, {{7, 7, 7, 7}}) == of_rows(4));
  // Two batches of a step.
  CHECK(bytes_with(100, {{1, 2, 3}, {4, 5}}) == of_rows(5));
  CHECK(bytes_with(100, {{1, 1, 1}, {1, 1}}) == of_rows(5));
  // Never more than the table.
  CHECK(bytes_with(3, {{0, 1, 2, 0}, {1, 1}}) == of_rows(3));
}

TEST_CASE("memory: over a ragged epoch little more is reserved than is used", "[memory]") {
  cpu_allocator().trim();
  const auto before = statistics();
  cpu_allocator().reset_peak();
  Network network;
  RandomStream random(5);
  double worst = 0;
  for (std::uint64_t step = 0; step < (kQuick ? 5 : 120); ++step) {
    std::vector<std::int32_t> lengths;
    for (int i = 0; i < 8; ++i) lengths.push_back(static_cast<std::int32_t>(3 + random.below(90)));
    network.step(lengths, step);
    const auto now = statistics();
    worst = std::max(worst, static_cast<double>(now.reserved_bytes) /
                                static_cast<double>(now.peak_active_bytes));
  }
  INFO("reserved " << worst << " times the peak in use");
  CHECK(statistics().peak_active_bytes > before.active_bytes + (std::size_t{kQuick ? 1 : 8} << 20));
  CHECK(worst <= 1.25);
}

}  // namespace retort::testing
