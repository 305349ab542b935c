// BERT and DistilBERT against transformers: logits, hidden states, gradients and 20 steps of
// distillation, as tests/golden/make.py recorded them in f64.
#include "distill/objective/objective.h"
#include "nn/optimizer.h"
#include "nn/weights/load.h"
#include "tensor/dispatch.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

// Runs `body` once for every kernel table of this machine.
template <class Body>
void for_each_isa(Body&& body) {
  const std::string before = kernels().isa;
  for (const std::string& isa : available_isas()) {
    INFO("kernels: " << isa);
    use_isa(isa);
    body();
  }
  use_isa(before);
}

void check_values(const Golden& golden, const std::string& name, const std::vector<double>& ours) {
  INFO(name);
  CHECK(largest(differences(ours, golden.doubles(name))) <= golden.tolerance(name));
}

void append(std::vector<double>& to, const Variable& from) {
  const auto values = numbers(from);
  to.insert(to.end(), values.begin(), values.end());
}

void check_forward(const std::string& name) {
  const Golden golden(name);
  const auto loaded = load_model(golden.path());
  CHECK(loaded.report.fresh.empty());
  CHECK(loaded.report.unused.empty());
  const Model& model = *loaded.model;
  CHECK(model.parameters().count() == golden.record().get("parameters", 0));
  const Want want = everything(model);
  const auto sequences = golden.sequences("");

  const Output output = model.forward(batch_of(sequences, model), want, {});
  check_values(golden, "logits", numbers(output.logits));
  REQUIRE(output.hidden.size() == want.hidden.size());
  for (const auto& [layer, value] : output.hidden)
    check_values(golden, "hidden." + std::to_string(layer), numbers(value));

  // One by one: what a sequence gives doesn't depend on its neighbours, to the bit.
  std::vector<double> logits;
  std::map<int, std::vector<double>> hidden;
  for (const TokenSequence& sequence : sequences) {
    const Output alone = model.forward(batch_of({sequence}, model), want, {});
    append(logits, alone.logits);
    for (const auto& [layer, value] : alone.hidden) append(hidden[layer], value);
  }
  CHECK(logits == numbers(output.logits));
  for (const auto& [layer, value] : output.hidden) CHECK(hidden[layer] == numbers(value));
}

// ‖g − r‖ ≤ 1e-4·‖r‖ + 1e-6·‖all gradients‖ for every parameter.
void check_gradients(const Golden& golden, const std::string& prefix, const Model& model) {
  std::vector<std::vector<double>> expected;
  double squares = 0;
  for (const Parameter& parameter : model.parameters()) {
    expected.push_back(golden.doubles(prefix + parameter.name));
    squares += norm(expected.back()) * norm(expected.back());
  }
  std::size_t i = 0;
  for (const Parameter& parameter : model.parameters()) {
    INFO(parameter.name);
    const auto& reference = expected[i++];
    const Variable gradient = parameter.variable.gradient();
    REQUIRE(gradient.defined());
    CHECK(norm(differences(numbers(gradient), reference)) <=
          1e-4 * norm(reference) + 1e-6 * std::sqrt(squares));
  }
}

Tensor teacher_logits(const Model& teacher, const std::vector<TokenSequence>& sequences) {
  const NoGrad off;
  return teacher.forward(batch_of(sequences, teacher), {}, {}).logits.value();
}

double number(const Json& json, const char* key) { return json.find(key)->as_number(key); }

}  // namespace

TEST_CASE("BERT gives transformers' logits and hidden states", "[model][golden]") {
  for_each_isa([] { check_forward("bert_tiny"); });
}

TEST_CASE("DistilBERT gives transformers' logits and hidden states", "[model][golden]") {
  for_each_isa([] { check_forward("distilbert_tiny"); });
}

TEST_CASE("The gradients of BERT's cross entropy are PyTorch's", "[model][golden]") {
  const Golden golden("bert_tiny");
  for_each_isa([&] {
    const auto loaded = load_model(golden.path());
    const auto sequences = golden.sequences("");
    const Output output = loaded.model->forward(batch_of(sequences, *loaded.model), {}, {});
    const Tensor labels = Tensor::from(golden.integers("labels"));
    std::vector<double> values;
    const Variable loss =
        Objective::labels_only().evaluate({.student = output,
                                           .teacher_logits = {},
                                           .labels = labels,
                                           .factor = 1 / static_cast<double>(sequences.size())},
                                          values);
    CHECK(loss.item() == Approx(number(*golden.record().find("ce"), "loss")).epsilon(1e-5));
    backward(loss);
    check_gradients(golden, "ce_grad.", *loaded.model);
  });
}

TEST_CASE("The gradients of a distillation step are PyTorch's", "[model][golden]") {
  const Golden golden("distilbert_tiny"), teacher_golden("bert_tiny");
  const Json& record = *golden.record().find("kd");
  for_each_isa([&] {
    const auto student = load_model(golden.path());
    const auto teacher = load_model(teacher_golden.path(), {.frozen = true});
    const auto sequences = golden.sequences("");
    const Output output = student.model->forward(batch_of(sequences, *student.model), {}, {});
    const Tensor labels = Tensor::from(golden.integers("labels"));
    std::vector<double> values;
    const Objective objective =
        Objective::distillation(number(record, "alpha"), number(record, "temperature"));
    const Variable loss =
        objective.evaluate({.student = output,
                            .teacher_logits = teacher_logits(*teacher.model, sequences),
                            .labels = labels,
                            .factor = 1 / static_cast<double>(sequences.size())},
                           values);
    REQUIRE(values.size() == 2);
    CHECK(loss.item() == Approx(number(record, "loss")).epsilon(1e-5));
    CHECK(values[0] == Approx(number(record, "soft")).epsilon(1e-5));
    CHECK(values[1] == Approx(number(record, "hard")).epsilon(1e-5));
    backward(loss);
    check_gradients(golden, "kd_grad.", *student.model);
    for (const Parameter& parameter : teacher.model->parameters())
      CHECK_FALSE(parameter.variable.requires_grad());
  });
}

TEST_CASE("Twenty steps of distillation follow PyTorch's", "[model][golden]") {
  const Golden golden("distilbert_tiny"), teacher_golden("bert_tiny");
  const Json& record = *golden.record().find("training");
  const auto student = load_model(golden.path());
  const auto teacher = load_model(teacher_golden.path(), {.frozen = true});
  const std::int64_t steps = record.get("steps", 0), batches = record.get("batches", 0);
  REQUIRE(steps == 20);
  const auto& betas = record.find("betas")->as_array("betas");
  Adamw optimizer(student.model->parameters(), {.beta1 = betas[0].as_number("beta1"),
                                                .beta2 = betas[1].as_number("beta2"),
                                                .epsilon = number(record, "eps"),
                                                .weight_decay = number(record, "weight_decay")});
  const Schedule schedule{
      .peak = number(record, "lr"), .warmup = number(record, "warmup"), .total = steps};
  const Objective objective =
      Objective::distillation(number(record, "alpha"), number(record, "temperature"));
  const double tolerance = number(record, "tolerance");
  const auto& log = record.find("f64")->as_array("f64");
  for (std::int64_t step = 0; step < steps; ++step) {
    INFO("step " << step);
    const std::string prefix = "train." + std::to_string(step % batches) + ".";
    const auto sequences = golden.sequences(prefix);
    const Output output = student.model->forward(batch_of(sequences, *student.model), {}, {});
    std::vector<double> values;
    const Variable loss =
        objective.evaluate({.student = output,
                            .teacher_logits = teacher_logits(*teacher.model, sequences),
                            .labels = Tensor::from(golden.integers(prefix + "labels")),
                            .factor = 1 / static_cast<double>(sequences.size())},
                           values);
    backward(loss);
    const Json& expected = log[static_cast<std::size_t>(step)];
    CHECK(std::abs(loss.item() - number(expected, "loss")) <= tolerance);
    CHECK(std::abs(values[0] - number(expected, "soft")) <= tolerance);
    CHECK(std::abs(values[1] - number(expected, "hard")) <= tolerance);
    const double gradient_norm = optimizer.gradient_norm();
    CHECK(gradient_norm == Approx(number(expected, "grad_norm")).epsilon(1e-3));
    const double rate = schedule.rate(step);
    CHECK(rate == Approx(number(expected, "lr")).epsilon(1e-12).margin(1e-18));
    optimizer.step(rate, clip_factor(gradient_norm, number(record, "clip")));
  }
  const double bound = number(record, "final_norms_tolerance");
  std::size_t compared = 0;
  for (const auto& [name, value] : record.find("final_norms")->as_object("final_norms")) {
    INFO(name);
    const Parameter* parameter = student.model->parameters().find(name);
    REQUIRE(parameter != nullptr);
    CHECK(norm(numbers(parameter->variable)) ==
          Approx(value.as_number(name)).epsilon(bound).margin(0));
    ++compared;
  }
  CHECK(compared >= 30);
}
