// Every architecture with every head against transformers, as tests/golden/architectures/models.py
// recorded them in f64: logits, hidden states, attention probabilities and scores, queries, keys
// and values, and the gradients of a loss for every parameter. And what each does with its files.
#include <algorithm>
#include <set>

#include "nn/cut_student.h"
#include "nn/weights/load.h"
#include "tensor/dispatch.h"
#include "tests/app/architecture_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

namespace fs = std::filesystem;

std::set<std::string> names_in(const Golden& golden) {
  std::set<std::string> names;
  const SafetensorsFile file(golden.path() / "model.safetensors");
  for (const TensorEntry& entry : file.entries()) names.insert(entry.name);
  return names;
}

// The name that a parameter has in the golden files.
std::string golden_name(const std::set<std::string>& names, const Model& model,
                        const Parameter& parameter) {
  const std::string& prefix = model.base_prefix();
  if (names.contains(prefix + parameter.name)) return prefix + parameter.name;
  const bool longer = parameter.name.starts_with(prefix) && !names.contains(parameter.name);
  return parameter.name.substr(longer ? prefix.size() : 0);
}

Batch golden_batch(const Golden& golden, const Model& model) {
  return batch_of(sequences_for(model, golden), model);
}

void want_everything(LayerWants& wants, std::int64_t layers) {
  for (const LayerTensorKind& kind : kLayerTensorKinds)
    for (int layer = kind.first_layer; layer <= layers; ++layer) (wants.*kind.wanted).insert(layer);
}

Want everything_of_layers(const ModelConfig& config) {
  Want want;
  want_everything(want, config.has_decoder() ? config.decoder_layers : config.layers);
  if (!config.has_decoder()) return want;
  want_everything(want.encoder, config.layers);
  want_everything(want.cross, config.decoder_layers);
  want.cross.hidden.clear();
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

// prefix: what golden names of this stack begin with.
void check_layers(const Golden& golden, const std::string& prefix, const LayerWants& wanted,
                  const LayerTensors& given) {
  for (const LayerTensorKind& kind : kLayerTensorKinds) {
    CHECK((given.*kind.given).size() == (wanted.*kind.wanted).size());
    for (const auto& [layer, value] : given.*kind.given)
      check_values(golden, prefix + kind.name + "." + std::to_string(layer), numbers(value));
  }
}

void check_forward(const Golden& golden, Task task) {
  INFO(name(task));
  const LoadedModel loaded = load_for(golden, task, true);
  CHECK(loaded.report.fresh.empty());
  const Model& model = *loaded.model;
  const ModelConfig& config = model.config();
  const Want want = everything_of_layers(config);
  const Batch batch = golden_batch(golden, model);
  const Output output = model.forward(batch, want, {});
  check_values(golden, std::string("logits.") + name(task), numbers(output.logits));
  if (config.has_decoder()) check_layers(golden, "encoder.", want.encoder, output.encoder);
  if (config.targets() == Targets::given) {
    check_layers(golden, "decoder.", want, output);
    check_layers(golden, "cross.", want.cross, output.cross);
  }
  if (!config.has_decoder())
    check_layers(golden, config.decoder_layers > 0 ? "encoder." : "", want, output);
  // Asking for the layers changes nothing.
  CHECK(numbers(model.forward(batch, {}, {}).logits) == numbers(output.logits));
}

// The gradients of the sum over heads of logits · cotangent, by full name.
std::map<std::string, std::vector<double>> gradients_of(const Golden& golden) {
  std::map<std::string, std::vector<double>> found;
  const std::set<std::string> names = names_in(golden);
  for (const Task task : tasks_of(golden)) {
    const LoadedModel loaded = load_for(golden, task);
    const Model& model = *loaded.model;
    const Variable logits = model.forward(golden_batch(golden, model), {}, {}).logits;
    const auto cotangent = golden.values<float>(std::string("cotangent.") + name(task), DType::f32);
    backward(sum(logits * Variable(Tensor::from(cotangent).reshape(logits.shape()))));
    for (const Parameter& parameter : model.parameters()) {
      if (!parameter.variable.gradient().defined()) continue;
      const auto gradient = numbers(parameter.variable.gradient());
      auto& sum_of_heads = found[golden_name(names, model, parameter)];
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
    const std::set<std::string> held = names_in(golden);
    std::set<std::string> used;
    for (const Task task : tasks_of(golden)) {
      const LoadedModel loaded = load_for(golden, task, true);
      std::set<std::string> of_task;
      for (const Parameter& parameter : loaded.model->parameters())
        of_task.insert(golden_name(held, *loaded.model, parameter));
      for (const std::string& unused : loaded.report.unused) CHECK(of_task.insert(unused).second);
      CHECK(of_task == held);  // what it has and what it reports, and nothing else
      for (const Parameter& parameter : loaded.model->parameters())
        used.insert(golden_name(held, *loaded.model, parameter));
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
      // Encoder-decoders have a class for sentence embedding, others the body's.
      const bool own_class = task != Task::embedding || config.decoder_layers > 0;
      CHECK(config.task == (own_class ? task : Task::none));
      config.task = task;
      const LoadedModel again = load_model(folder.path(), config);
      CHECK(again.report.fresh.empty());
      CHECK(again.report.unused.empty());
      const Batch batch = golden_batch(golden, *again.model);
      CHECK(numbers(again.model->forward(batch, {}, {}).logits) ==
            numbers(loaded.model->forward(batch, {}, {}).logits));
      // Written from what it knows alone, the configuration is the same model's.
      config.raw = {};
      const ModelConfig bare = ModelConfig::parse(config.to_json(), "config.json");
      const auto rebuilt = make_model(bare);
      CHECK(rebuilt->parameters().count() == again.model->parameters().count());
      for (Parameter& parameter : rebuilt->parameters())
        parameter.variable = again.model->parameters().find(parameter.name)->variable;
      if (bare.task == task)
        CHECK(numbers(rebuilt->forward(batch, {}, {}).logits) ==
              numbers(again.model->forward(batch, {}, {}).logits));
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
    const Batch batch = golden_batch(golden, *loaded.model);
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
    // All of them give the teacher, and the first ones what it has at that depth.
    std::vector<int> all;
    for (int layer = 1; layer <= layers; ++layer) all.push_back(layer);
    std::vector<int> decoder, decoder_ends;
    const bool decodes = teacher.config().has_decoder();
    for (int layer = 1; decodes && layer <= teacher.config().decoder_layers; ++layer)
      decoder.push_back(layer);
    if (decodes) decoder_ends = {1, decoder.back()};
    const auto whole =
        cut_student(teacher, {.layers = all, .decoder_layers = decoder, .type = "same"});
    struct Pass {
      std::vector<double> logits, hidden;  // of an encoder-decoder the encoder's
    };
    const auto pass = [&](const Model& model, int layer) {
      Want want;
      (decodes ? want.encoder : want).hidden = {layer};
      const Output output = model.forward(golden_batch(golden, model), want, {});
      return Pass{numbers(output.logits),
                  numbers((decodes ? output.encoder : output).hidden.at(layer))};
    };
    CHECK(pass(*whole.model, layers).logits == pass(teacher, layers).logits);
    // The first and the last: another model, whose first layer is the teacher's.
    const auto cut = cut_student(
        teacher, {.layers = {1, layers}, .decoder_layers = decoder_ends, .type = "same"});
    CHECK(pass(*cut.model, 1).hidden == pass(teacher, 1).hidden);
    CHECK(cut.model->config().layers == 2);
    const Folder folder("architectures-cut");
    save_model(*cut.model, folder.path());
    const LoadedModel again = load_model(folder.path());
    CHECK(again.report.fresh.empty());
    CHECK(pass(*again.model, 2).logits == pass(*cut.model, 2).logits);
    if (teacher.config().model_type != "bert" && teacher.config().model_type != "distilbert")
      CHECK(contains(error_of([&] { cut_student(teacher, {.layers = {1}}); }), "use same"));
    if (teacher.config().model_type == "modernbert")
      CHECK(contains(error_of([&] {
                       cut_student(teacher, {.layers = {2, 3}, .type = "same"});
                     }),
                     "layer 1 first"));
  }
}
