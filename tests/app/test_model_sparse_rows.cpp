// AdamW on an embedding of which most rows have no gradient in a step: put off, and bit-equal to
// the optimiser that touches every row.
#include <map>

#include "autograd/ops.h"
#include "nn/optimizer.h"
#include "tensor/ops.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

constexpr std::int64_t kRows = 203, kColumns = 21;  // whole vectors and a remainder

// The same table twice: one whose gradients arrive as rows, one whose gradients are dense.
struct Twins {
  ParameterList lists[2];
  std::vector<Adamw> optimizers;

  explicit Twins(AdamwOptions options, bool decay = true) {
    RandomStream random(3);
    std::vector<float> start(kRows * kColumns);
    for (float& value : start) value = static_cast<float>(random.normal());
    for (ParameterList& list : lists) {
      list.add("table", {kRows, kColumns}, Init::zeros, decay).variable =
          Variable::parameter(Tensor::from(start, {kRows, kColumns}));
      list.add("bias", {kColumns}, Init::zeros, false).variable =
          Variable::parameter(Tensor::full({kColumns}, 0.5));
    }
    for (ParameterList& list : lists) optimizers.emplace_back(list, options);
  }
  Variable& table(int twin) { return lists[twin].find("table")->variable; }
  Variable& bias(int twin) { return lists[twin].find("bias")->variable; }

  // Forward and backward through rows `ids` of both tables.
  void differentiate(const std::vector<std::int32_t>& ids) {
    for (const int twin : {0, 1}) {
      Variable& values = table(twin);
      const Tensor look = Tensor::from(ids);
      const Variable read = embedding(values, look);
      Variable loss = sum(square(read + bias(twin)) * read);
      // A second reader of the table makes its gradient dense, with zeros where no row was read.
      if (twin == 1) loss = loss + sum(scale(zeros_like(values), 0));
      backward(loss);
    }
  }
  void step(double rate, double clip) {
    double norms[2];
    for (const int twin : {0, 1})
      norms[twin] = optimizers[static_cast<std::size_t>(twin)].gradient_norm();
    CHECK(norms[0] == norms[1]);
    for (const int twin : {0, 1})
      optimizers[static_cast<std::size_t>(twin)].step(rate, clip_factor(norms[twin], clip));
  }
  bool equal() {
    const auto states = {optimizers[0].state(), optimizers[1].state()};
    bool same = same_bits(table(0).value(), table(1).value()) &&
                same_bits(bias(0).value(), bias(1).value());
    for (std::size_t i = 0; i < states.begin()->size(); ++i)
      same = same && same_bits((*states.begin())[i].second, (*(states.begin() + 1))[i].second);
    return same;
  }

 private:
  static Variable zeros_like(const Variable& values) {
    return record("zero", Tensor::zeros(values.shape()),
                  wrt(values, [](const Variable& dy) { return dy; }));
  }
};

std::vector<std::int32_t> draw(RandomStream& random, std::size_t count, std::int64_t below) {
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < count; ++i)
    ids.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(below))));
  return ids;
}

}  // namespace

TEST_CASE("Rows without a gradient are put off, and nobody can tell", "[model][optimizer]") {
  for (const double decay : {0.0, 0.1}) {
    Twins twins({.beta1 = 0.9, .beta2 = 0.99, .weight_decay = decay});
    RandomStream random(7);
    // A schedule whose rate changes in every step, 0 at first; clipping now and then.
    const Schedule schedule{.peak = 0.02, .warmup = 0.1, .total = 900};
    for (std::int64_t step = 0; step < 900; ++step) {
      // Rows 0 … 39 come up all the time, 40 … 199 with gaps of hundreds of steps, the last ones
      // never.
      std::vector<std::int32_t> ids = draw(random, 6, 40);
      if (step % 7 == 0) ids.push_back(40 + draw(random, 1, 160)[0]);
      twins.differentiate(ids);
      REQUIRE(twins.table(0).gradient_rows() != nullptr);
      REQUIRE(twins.table(1).gradient_rows() == nullptr);
      twins.step(schedule.rate(step), step % 3 == 0 ? 0.5 : 0);
      if (step == 130 || step == 133) REQUIRE(twins.equal());  // looking changes nothing
    }
    CHECK(twins.equal());
  }
}

TEST_CASE("Rows that were put off are up to date wherever they are read", "[model][optimizer]") {
  Twins twins({.weight_decay = 0.2});
  RandomStream random(9);
  const auto run = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      twins.differentiate(draw(random, 4, kRows));
      twins.step(0.05, 0);
    }
  };
  const auto both = [&](const std::function<Tensor(const Variable&)>& read) {
    run(50);
    CHECK(same_bits(read(twins.table(0)), read(twins.table(1))));
  };
  both([](const Variable& t) {
    return embedding(t, Tensor::from(std::vector<std::int32_t>{5, 150, 5})).value();
  });
  both([](const Variable& t) { return matmul(t, transpose(t)).value(); });
  both([](const Variable& t) { return slice(t, 0, 77, 90).value(); });
  both([](const Variable& t) { return t.value().clone(); });
  both([](const Variable& t) { return reshape(t, {kColumns, kRows}).value(); });
  both([](const Variable& t) {  // a look-up in the same memory under another shape
    return embedding(reshape(t, {kColumns, kRows}), Tensor::from(std::vector<std::int32_t>{1, 20}))
        .value();
  });
  both([](const Variable& t) { return Tensor::scalar(t.value().to_vector<double>()[4000]); });
  // A writer, too, builds on what the table is by now.
  run(50);
  for (const int twin : {0, 1}) {
    Tensor row = twins.table(twin).leaf_value().slice(0, 3, 4);
    ops::fill(row, 1.5);
  }
  CHECK(twins.equal());
  run(50);
  CHECK(twins.equal());
}

TEST_CASE("Sparse and dense steps may alternate", "[model][optimizer]") {
  Twins twins({.weight_decay = 0.2});
  RandomStream random(10);
  for (int i = 0; i < 60; ++i) {
    if (i % 10 == 9) {
      for (const int twin : {0, 1}) backward(sum(square(twins.table(twin))));
    } else if (i % 10 != 5) {  // a step in which the table has no gradient at all
      twins.differentiate(draw(random, 3, kRows));
    } else {
      for (const int twin : {0, 1}) backward(sum(twins.bias(twin)));
    }
    twins.step(0.03, 0);
  }
  CHECK(twins.equal());
  // Two micro-batches in one step.
  twins.differentiate(draw(random, 5, kRows));
  twins.differentiate(draw(random, 5, kRows));
  CHECK(twins.table(0).gradient_rows() != nullptr);
  twins.step(0.03, 1);
  CHECK(twins.equal());
}

TEST_CASE("What is put off survives saving, restoring and the optimiser's end",
          "[model][optimizer]") {
  Twins twins({.weight_decay = 0.1});
  RandomStream random(12);
  const auto run = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      twins.differentiate(draw(random, 3, 60));
      twins.step(0.04, 1);
    }
  };
  run(40);
  // Values and state as a checkpoint takes them; the run goes on, and is then set back.
  const Tensor saved = twins.table(0).value().clone(), saved_bias = twins.bias(0).value().clone();
  std::map<std::string, Tensor> state;
  for (const auto& [name, value] : twins.optimizers[0].state()) state[name] = value.clone();
  const std::int64_t steps = twins.optimizers[0].steps();
  const auto find = [&](const std::string& name) { return state.at(name); };
  run(30);
  for (const int twin : {0, 1}) {
    twins.table(twin).leaf_value().copy_from(saved);
    twins.bias(twin).leaf_value().copy_from(saved_bias);
    twins.optimizers[static_cast<std::size_t>(twin)].restore(steps, find);
  }
  CHECK(twins.equal());
  run(30);
  CHECK(twins.equal());
  // The parameter gets another tensor.
  for (const int twin : {0, 1}) twins.table(twin) = Variable::parameter(saved.clone());
  run(10);
  CHECK(twins.equal());
  // The table outlives its optimiser.
  run(30);
  const Tensor with = twins.table(1).value();
  twins.optimizers.clear();
  CHECK(same_bits(twins.table(0).value(), with));
}

TEST_CASE("Rows that are put off are not touched", "[model][optimizer]") {
  Twins twins({.weight_decay = 0.5});
  twins.differentiate({1, 2});
  const Tensor& table = twins.table(0).value();
  const auto* memory = static_cast<const float*>(table.unsettled_raw());
  const float before = memory[100 * kColumns];
  twins.step(0.1, 0);
  CHECK(memory[100 * kColumns] == before);  // row 100 has the step before it
  CHECK(table.to_vector<double>()[100 * kColumns] == Approx(0.95 * static_cast<double>(before)));
  CHECK(memory[100 * kColumns] != before);
}

TEST_CASE("A saved value that a put-off step changes is an error", "[model][optimizer]") {
  Twins twins({});
  twins.differentiate({1, 2});
  const Variable loss = sum(square(twins.table(0)));
  twins.step(0.1, 0);
  CHECK(contains(error_of([&] { backward(loss); }), "in place"));
}

TEST_CASE("More steps may be put off than are remembered", "[model][optimizer]") {
  Twins twins({.weight_decay = 0.01});
  for (int i = 0; i < 4'200; ++i) {
    twins.differentiate({3, i % 2});
    twins.step(1e-3, 0);
  }
  CHECK(twins.equal());
}

TEST_CASE("Two optimisers may not put off steps of one parameter", "[model][optimizer]") {
  Twins twins({});
  twins.differentiate({1});
  twins.step(0.1, 0);
  Adamw second(twins.lists[0], {});
  backward(sum(embedding(twins.table(0), Tensor::from(std::vector<std::int32_t>{1}))));
  CHECK(contains(error_of([&] { second.step(0.1); }), "two optimisers"));
}
