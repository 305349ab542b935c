// Every architecture with every head against transformers, as tests/golden/architectures/models.py
// recorded them in f64: logits, hidden states, attention probabilities and scores, queries, keys
// and values, and the gradients of a loss for every parameter. And what each does with its files.
#include <algorithm>
#include <set>

#include "nn/cut_student.h"
#include "nn/weights/load.h"
#include "tensor/dispatch.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

namespace fs = std::filesystem;

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry :
       fs::directory_iterator(fs::path(RETORT_SOURCE_DIR) / "tests/golden/architectures"))
    if (entry.is_directory()) names.push_back("architectures/" + entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Task> tasks_of(const Golden& golden) {
  std::vector<Task> tasks;
  for (const Json& task : golden.record().find("tasks")->as_array("tasks"))
    tasks.push_back(parse_task(task.as_string("task")));
  return tasks;
}

LoadedModel load_for(const Golden& golden, Task task, bool frozen = false) {
  ModelConfig config = ModelConfig::read(golden.path());
  config.task = task;
  return load_model(golden.path(), config, {.frozen = frozen});
}

// The name that a parameter has in a model with a head.
std::string full_name(const Model& model, const Parameter& parameter) {
  return (is_bare(model.config().task) ? model.base_prefix() : "") + parameter.name;
}

Want everything_of_layers(const Model& model) {
  Want want;
  for (const LayerTensorKind& kind : kLayerTensorKinds)
    for (int layer = kind.first_layer; layer <= model.config().layers; ++layer)
      (want.*kind.wanted).insert(layer);
  return want;
}

// Infinities must stand where the reference has them.
void check_values(const Golden& golden, const std::string& name, std::vector<double> ours) {
  INFO(name);
  auto expected = golden.doubles(name);
  REQUIRE(ours.size() == expected.size());
  std::size_t misplaced = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    misplaced += std::isinf(ours[i]) != std::isinf(expected[i]);
    if (std::isinf(expected[i])) ours[i] = expected[i] = 0;
  }
  CHECK(misplaced == 0);
  CHECK(largest(differences(ours, expected)) <= golden.tolerance(name));
}

void check_forward(const Golden& golden, Task task) {
  INFO(name(task));
  const LoadedModel loaded = load_for(golden, task, true);
  CHECK(loaded.report.fresh.empty());
  const Model& model = *loaded.model;
  const Want want = everything_of_layers(model);
  const Batch batch = batch_of(golden.sequences(""), model);
  const Output output = model.forward(batch, want, {});
  check_values(golden, std::string("logits.") + name(task), numbers(output.logits));
  for (const LayerTensorKind& kind : kLayerTensorKinds) {
    CHECK((output.*kind.given).size() == (want.*kind.wanted).size());
    for (const auto& [layer, value] : output.*kind.given)
      check_values(golden, std::string(kind.name) + "." + std::to_string(layer), numbers(value));
  }
  // Asking for the layers changes nothing.
  CHECK(numbers(model.forward(batch, {}, {}).logits) == numbers(output.logits));
}

// The gradients of the sum over heads of logits · cotangent, by full name.
std::map<std::string, std::vector<double>> gradients_of(const Golden& golden) {
  std::map<std::string, std::vector<double>> found;
  for (const Task task : tasks_of(golden)) {
    const LoadedModel loaded = load_for(golden, task);
    const Model& model = *loaded.model;
    const Variable logits = model.forward(batch_of(golden.sequences(""), model), {}, {}).logits;
    const auto cotangent = golden.values<float>(std::string("cotangent.") + name(task), DType::f32);
    backward(sum(logits * Variable(Tensor::from(cotangent).reshape(logits.shape()))));
    for (const Parameter& parameter : model.parameters()) {
      if (!parameter.variable.gradient().defined()) continue;
      const auto gradient = numbers(parameter.variable.gradient());
      auto& sum_of_heads = found[full_name(model, parameter)];
      sum_of_heads.resize(gradient.size());
      for (std::size_t i = 0; i < gradient.size(); ++i) sum_of_heads[i] += gradient[i];
    }
  }
  return found;
}

// ‖g − r‖ ≤ 1e-4·‖r‖ + 1e-6·‖all gradients‖ for every parameter that the reference has a gradient
// of.
void check_gradients(const Golden& golden) {
  const auto ours = gradients_of(golden);
  std::map<std::string, std::vector<double>> expected;
  double squares = 0;
  for (const TensorEntry& entry : golden.file().entries())
    if (entry.name.starts_with("grad.")) {
      const auto [added, fresh] =
          expected.emplace(entry.name.substr(5), golden.doubles(entry.name));
      squares += norm(added->second) * norm(added->second);
    }
  CHECK(ours.size() == expected.size());
  for (const auto& [name, reference] : expected) {
    INFO("gradient of " << name);
    const auto found = ours.find(name);
    REQUIRE(found != ours.end());
    CHECK(norm(differences(found->second, reference)) <=
          1e-4 * norm(reference) + 1e-6 * std::sqrt(squares));
  }
}

}  // namespace

TEST_CASE("Every architecture and head gives transformers' values", "[model][golden]") {
  const std::string before = kernels().isa;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    for (const std::string& name : golden_names()) {
      INFO(name << " with " << isa);
      const Golden golden(name);
      for (const Task task : tasks_of(golden)) check_forward(golden, task);
    }
  }
  use_isa(before);
}

TEST_CASE("Every architecture's gradients are PyTorch's", "[model][golden]") {
  for (const std::string& name : golden_names()) {
    INFO(name);
    check_gradients(Golden(name));
  }
}

TEST_CASE("What one head's file doesn't need is reported", "[model][golden]") {
  for (const std::string& name : golden_names()) {
    INFO(name);
    const Golden golden(name);
    std::set<std::string> used, held;
    const SafetensorsFile file(golden.path() / "model.safetensors");
    for (const TensorEntry& entry : file.entries()) held.insert(entry.name);
    for (const Task task : tasks_of(golden)) {
      const LoadedModel loaded = load_for(golden, task, true);
      std::set<std::string> of_task;
      for (const Parameter& parameter : loaded.model->parameters())
        of_task.insert(full_name(*loaded.model, parameter));
      for (const std::string& unused : loaded.report.unused) CHECK(of_task.insert(unused).second);
      CHECK(of_task == held);  // what it has and what it reports, and nothing else
      for (const Parameter& parameter : loaded.model->parameters())
        used.insert(full_name(*loaded.model, parameter));
    }
    CHECK(used == held);  // every tensor belongs to some head
  }
}

TEST_CASE("Every architecture is saved and read back as it is", "[model][golden]") {
  const Folder folder("architectures-saved");
  for (const std::string& name : golden_names()) {
    INFO(name);
    const Golden golden(name);
    for (const Task task : tasks_of(golden)) {
      const LoadedModel loaded = load_for(golden, task);
      save_model(*loaded.model, folder.path());
      ModelConfig config = ModelConfig::read(folder.path());
      CHECK(config.task == (task == Task::embedding ? Task::none : task));
      config.task = task;
      const LoadedModel again = load_model(folder.path(), config);
      CHECK(again.report.fresh.empty());
      CHECK(again.report.unused.empty());
      const auto sequences = golden.sequences("");
      CHECK(numbers(again.model->forward(batch_of(sequences, *again.model), {}, {}).logits) ==
            numbers(loaded.model->forward(batch_of(sequences, *loaded.model), {}, {}).logits));
      // Written from what it knows alone, the configuration is the same model's.
      config.raw = {};
      const ModelConfig bare = ModelConfig::parse(config.to_json(), "config.json");
      const auto rebuilt = make_model(bare);
      CHECK(rebuilt->parameters().count() == again.model->parameters().count());
      for (Parameter& parameter : rebuilt->parameters())
        parameter.variable = again.model->parameters().find(parameter.name)->variable;
      if (bare.task == task)
        CHECK(numbers(rebuilt->forward(batch_of(sequences, *rebuilt), {}, {}).logits) ==
              numbers(again.model->forward(batch_of(sequences, *again.model), {}, {}).logits));
    }
  }
}

TEST_CASE("Every architecture reads half-precision files to the same values", "[model][golden]") {
  const Folder folder("architectures-halves");
  for (const std::string& name : golden_names())
    for (const DType dtype : {DType::bf16, DType::f16}) {
      INFO(name << " in " << retort::name(dtype));
      const Golden golden(name);
      const SafetensorsFile file(golden.path() / "model.safetensors");
      std::vector<Tensor> kept;
      std::vector<TensorToWrite> tensors;
      for (const TensorEntry& entry : file.entries()) {
        Tensor value = Tensor::empty(Shape{std::span<const std::int64_t>(entry.shape)});
        std::memcpy(value.mutable_raw(), entry.bytes.data(), entry.bytes.size());
        kept.push_back(value.to(dtype));
        tensors.push_back({entry.name, dtype, entry.shape, kept.back().raw()});
      }
      fs::copy(golden.path() / "config.json", folder.path() / "config.json",
               fs::copy_options::overwrite_existing);
      write_safetensors(folder.path() / "model.safetensors", tensors);
      const LoadedModel whole = load_for(golden, tasks_of(golden)[0]);
      ModelConfig config = ModelConfig::read(folder.path());
      config.task = tasks_of(golden)[0];
      const LoadedModel halves = load_model(folder.path(), config);
      for (const Parameter& parameter : whole.model->parameters())
        CHECK(same_bits(halves.model->parameters().find(parameter.name)->variable.value(),
                        parameter.variable.value().to(dtype).to(DType::f32)));
    }
}

TEST_CASE("Dropout touches every architecture's training and nothing else", "[model][golden]") {
  for (const std::string& name : golden_names()) {
    INFO(name);
    const Golden golden(name);
    ModelConfig config = ModelConfig::read(golden.path());
    config.set_dropout(0.2);
    const LoadedModel loaded = load_model(golden.path(), config);
    const Batch batch = batch_of(golden.sequences(""), *loaded.model);
    const auto logits = [&](const Context& context) {
      return numbers(loaded.model->forward(batch, {}, context).logits);
    };
    const auto still = logits({});
    check_values(golden, std::string("logits.") + retort::name(config.task), still);
    const auto first = logits({.training = true, .seed = 1, .step = 2});
    CHECK(first != still);
    CHECK(first == logits({.training = true, .seed = 1, .step = 2}));
    CHECK(first != logits({.training = true, .seed = 1, .step = 3}));
  }
}

TEST_CASE("A student of every architecture has its teacher's layers", "[model][golden][cut]") {
  for (const std::string& name : golden_names()) {
    INFO(name);
    const Golden golden(name);
    const LoadedModel loaded = load_model(golden.path());
    const Model& teacher = *loaded.model;
    const int layers = static_cast<int>(teacher.config().layers);
    if (name.ends_with("albert")) {  // two groups of shared layers
      CHECK(contains(error_of([&] { cut_student(teacher, {.layers = {1}, .type = "same"}); }),
                     "groups"));
      continue;
    }
    // All of them give the teacher, and the first ones what it has at that depth.
    std::vector<int> all;
    for (int layer = 1; layer <= layers; ++layer) all.push_back(layer);
    const auto whole = cut_student(teacher, {.layers = all, .type = "same"});
    const auto sequences = golden.sequences("");
    const auto pass = [&](const Model& model, int layer) {
      Want want;
      want.hidden = {layer};
      return model.forward(batch_of(sequences, model), want, {});
    };
    CHECK(numbers(pass(*whole.model, layers).logits) == numbers(pass(teacher, layers).logits));
    // The first and the last: another model, whose first layer is the teacher's.
    const auto cut = cut_student(teacher, {.layers = {1, layers}, .type = "same"});
    CHECK(numbers(pass(*cut.model, 1).hidden.at(1)) == numbers(pass(teacher, 1).hidden.at(1)));
    CHECK(cut.model->config().layers == 2);
    const Folder folder("architectures-cut");
    save_model(*cut.model, folder.path());
    const LoadedModel again = load_model(folder.path());
    CHECK(again.report.fresh.empty());
    CHECK(numbers(pass(*again.model, 2).logits) == numbers(pass(*cut.model, 2).logits));
    if (teacher.config().model_type != "bert" && teacher.config().model_type != "distilbert")
      CHECK(contains(error_of([&] { cut_student(teacher, {.layers = {1}}); }), "use same"));
    if (teacher.config().model_type == "modernbert")
      CHECK(contains(error_of([&] {
                       cut_student(teacher, {.layers = {2, 3}, .type = "same"});
                     }),
                     "layer 1 first"));
  }
}
