// Models to and from directories: the same bytes again, every spelling of the names, the storage
// types, and what a file that doesn't fit is told.
#include <set>

#include "nn/cut_student.h"
#include "nn/weights/load.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

// A weight file under construction.
struct Weights {
  std::vector<Tensor> kept;
  std::vector<TensorToWrite> tensors;

  void add(const std::string& name, const Tensor& value) {
    kept.push_back(value.contiguous());
    tensors.push_back({name,
                       kept.back().dtype(),
                       {value.shape().begin(), value.shape().end()},
                       kept.back().raw()});
  }
  void write(const std::filesystem::path& path) const { write_safetensors(path, tensors); }
};

// All parameters of a model, each under the name that `rename` gives it ("": left out).
template <class Rename>
Weights weights_of(const Model& model, Rename&& rename) {
  Weights weights;
  for (const Parameter& parameter : model.parameters()) {
    const std::string name = rename(parameter.name);
    if (!name.empty()) weights.add(name, parameter.variable.value());
  }
  return weights;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

void check_same_weights(const Model& a, const Model& b) {
  for (const Parameter& parameter : a.parameters()) {
    INFO(parameter.name);
    CHECK(same_bits(parameter.variable.value(),
                    b.parameters().find(parameter.name)->variable.value()));
  }
}

std::unique_ptr<Model> tiny_model(const std::string& type, std::uint64_t seed = 5) {
  auto model = make_model(tiny_config(type));
  randomise(*model, seed);
  return model;
}

}  // namespace

TEST_CASE("A model is saved, loaded and saved again to the same bytes", "[model][weights]") {
  for (const std::string type : {"bert", "distilbert"}) {
    INFO(type);
    const Folder folder("model-roundtrip");
    const auto model = tiny_model(type);
    const auto first = folder.path() / "first", second = folder.path() / "second";
    std::filesystem::create_directories(first);
    std::filesystem::create_directories(second);
    save_model(*model, first);
    for (const bool frozen : {false, true}) {
      const auto loaded = load_model(first, {.frozen = frozen});
      CHECK(loaded.report.fresh.empty());
      CHECK(loaded.report.unused.empty());
      check_same_weights(*model, *loaded.model);
      save_model(*loaded.model, second);
      CHECK(content_of(first / "model.safetensors") == content_of(second / "model.safetensors"));
      CHECK(content_of(first / "config.json") == content_of(second / "config.json"));
    }
  }
}

TEST_CASE("A model that transformers wrote keeps its weight file's bytes", "[model][weights]") {
  for (const std::string name : {"bert_tiny", "distilbert_tiny"}) {
    INFO(name);
    const Golden golden(name);
    const Folder folder("model-resaved");
    save_model(*load_model(golden.path()).model, folder.path());
    CHECK(content_of(folder.path() / "model.safetensors") ==
          content_of(golden.path() / "model.safetensors"));
    const ModelConfig before = ModelConfig::read(golden.path()),
                      after = ModelConfig::read(folder.path());
    CHECK(before.labels == after.labels);
    CHECK(before.norm_epsilon == after.norm_epsilon);
    CHECK(before.classifier_dropout == after.classifier_dropout);
    // Keys that Retort doesn't use stay.
    CHECK(after.raw.get("transformers_version", "") ==
          before.raw.get("transformers_version", "none"));
  }
}

TEST_CASE("Weights are found without prefix and under TensorFlow's names", "[model][weights]") {
  const Folder folder("model-names");
  for (const std::string type : {"bert", "distilbert"}) {
    const auto model = tiny_model(type);
    const std::string prefix = type + ".";
    save_model(*model, folder.path());  // for config.json
    const auto path = folder.path() / "model.safetensors";
    const auto bare = [&](const std::string& name) { return replaced(name, prefix, ""); };
    const auto old = [&](const std::string& name) {
      return replaced(replaced(name, "LayerNorm.weight", "LayerNorm.gamma"), "LayerNorm.bias",
                      "LayerNorm.beta");
    };
    weights_of(*model, bare).write(path);
    check_same_weights(*model, *load_model(folder.path()).model);
    weights_of(*model, old).write(path);
    check_same_weights(*model, *load_model(folder.path()).model);
    weights_of(*model, [&](const std::string& name) { return old(bare(name)); }).write(path);
    const auto loaded = load_model(folder.path());
    check_same_weights(*model, *loaded.model);
    CHECK(loaded.report.unused.empty());
  }
}

TEST_CASE("Half-precision and f64 weights become f32", "[model][weights]") {
  const Folder folder("model-types");
  const auto model = tiny_model("bert");
  save_model(*model, folder.path());
  for (const DType dtype : {DType::f16, DType::bf16, DType::f64}) {
    INFO(name(dtype));
    Weights weights;
    for (const Parameter& parameter : model->parameters())
      weights.add(parameter.name, parameter.variable.value().to(dtype));
    weights.write(folder.path() / "model.safetensors");
    for (const bool frozen : {false, true}) {
      const auto loaded = load_model(folder.path(), {.frozen = frozen});
      for (const Parameter& parameter : model->parameters()) {
        const Tensor& ours = loaded.model->parameters().find(parameter.name)->variable.value();
        CHECK(same_bits(ours.to(DType::f32), parameter.variable.value().to(dtype).to(DType::f32)));
        const bool as_it_is = frozen && dtype == DType::bf16 && ours.rank() == 2;
        CHECK(ours.dtype() == (as_it_is ? DType::bf16 : DType::f32));
      }
    }
  }
}

TEST_CASE("A frozen model in bf16 uses its file's matrices where they lie", "[model][weights]") {
  const Folder folder("model-bf16");
  const auto model = tiny_model("bert");
  save_model(*model, folder.path());
  Weights weights;
  for (const Parameter& parameter : model->parameters())
    weights.add(parameter.name, parameter.variable.value().to(DType::bf16));
  weights.write(folder.path() / "model.safetensors");
  const auto frozen = load_model(folder.path(), {.frozen = true}),
             copied = load_model(folder.path());
  for (const Parameter& parameter : frozen.model->parameters()) {
    INFO(parameter.name);
    CHECK(parameter.variable.value().storage()->read_only == (parameter.shape.rank() == 2));
  }
  // The same values but for the rounding of what is multiplied with them: 2⁻⁹ each.
  const Batch batch = batch_of(random_sequences({9, 4, 1}, model->config(), 6), *model);
  const auto exact = numbers(copied.model->forward(batch, {}, {}).logits);
  const auto rounded = numbers(frozen.model->forward(batch, {}, {}).logits);
  CHECK(norm(differences(rounded, exact)) < 0.05 * norm(exact));
  CHECK(rounded != exact);
  // A student that is cut from it learns in f32.
  const CutStudent student = cut_student(*frozen.model, {.layers = {1, 3}});
  for (const Parameter& parameter : student.model->parameters())
    CHECK(parameter.variable.value().dtype() == DType::f32);
}

TEST_CASE("A missing encoder weight is an error that names tensor and file", "[model][weights]") {
  const Folder folder("model-missing");
  for (const std::string type : {"bert", "distilbert"}) {
    const auto model = tiny_model(type);
    save_model(*model, folder.path());
    for (const Parameter& parameter : model->parameters()) {
      if (parameter.name.find("pooler") != std::string::npos) continue;
      if (!parameter.name.starts_with(type + ".")) continue;
      weights_of(*model, [&](const std::string& name) {
        return name == parameter.name ? std::string() : name;
      }).write(folder.path() / "model.safetensors");
      const std::string message = error_of([&] { load_model(folder.path()); });
      CHECK(contains(message, parameter.name));
      CHECK(contains(message, (folder.path() / "model.safetensors").string()));
    }
  }
}

TEST_CASE("A wrong shape is an error that names tensor, both shapes and file", "[model][weights]") {
  const Folder folder("model-shape");
  const auto model = tiny_model("bert");
  save_model(*model, folder.path());
  const std::string victim = "bert.encoder.layer.1.intermediate.dense.weight";
  Weights weights = weights_of(
      *model, [&](const std::string& name) { return name == victim ? std::string() : name; });
  SECTION("transposed") {
    weights.add(victim, Tensor::zeros({12, 20}));
    weights.write(folder.path() / "model.safetensors");
    const std::string message = error_of([&] { load_model(folder.path()); });
    CHECK(contains(message, victim));
    CHECK(contains(message, "[20, 12]"));
    CHECK(contains(message, "[12, 20]"));
    CHECK(contains(message, (folder.path() / "model.safetensors").string()));
  }
  SECTION("more dimensions than any tensor of ours") {
    const Tensor one = Tensor::zeros({240});
    weights.tensors.push_back(
        {victim, DType::f32, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 20, 12}, one.raw()});
    weights.write(folder.path() / "model.safetensors");
    const std::string message = error_of([&] { load_model(folder.path()); });
    CHECK(contains(message, victim));
    CHECK(contains(message, (folder.path() / "model.safetensors").string()));
  }
  SECTION("integers") {
    weights.add(victim, Tensor::zeros({20, 12}, DType::i64));
    weights.write(folder.path() / "model.safetensors");
    const std::string message = error_of([&] { load_model(folder.path()); });
    CHECK(contains(message, victim));
    CHECK(contains(message, "i64"));
  }
}

TEST_CASE("A head or pooler that isn't there is made from the seed and reported",
          "[model][weights]") {
  const Folder folder("model-fresh");
  const auto model = tiny_model("bert");
  save_model(*model, folder.path());
  weights_of(*model, [&](const std::string& name) {
    return name.starts_with("classifier.") || name.find("pooler") != std::string::npos
               ? std::string()
               : replaced(name, "bert.", "");
  }).write(folder.path() / "model.safetensors");
  const auto loaded = load_model(folder.path(), {.seed = 3});
  const std::set<std::string> fresh(loaded.report.fresh.begin(), loaded.report.fresh.end());
  CHECK(fresh == std::set<std::string>{"bert.pooler.dense.weight", "bert.pooler.dense.bias",
                                       "classifier.weight", "classifier.bias"});
  const auto value = [](const LoadedModel& from, const char* name) {
    return from.model->parameters().find(name)->variable.value();
  };
  const auto again = load_model(folder.path(), {.seed = 3}),
             other = load_model(folder.path(), {.seed = 4});
  CHECK(same_bits(value(loaded, "classifier.weight"), value(again, "classifier.weight")));
  CHECK_FALSE(same_bits(value(loaded, "classifier.weight"), value(other, "classifier.weight")));
  CHECK(largest(numbers(value(loaded, "classifier.bias"))) == 0);
  CHECK(largest(numbers(value(loaded, "classifier.weight"))) > 0);
}

TEST_CASE("A fresh head replaces one of another size; tensors that no part uses are reported",
          "[model][weights]") {
  const Folder folder("model-head");
  const auto model = tiny_model("distilbert");
  save_model(*model, folder.path());
  Weights weights = weights_of(*model, [](const std::string& name) { return name; });
  weights.add("vocab_projector.bias", Tensor::zeros({53}));
  weights.add("distilbert.embeddings.position_ids", Tensor::zeros({1, 31}, DType::i64));
  weights.write(folder.path() / "model.safetensors");

  ModelConfig config = ModelConfig::read(folder.path());
  config.labels = {"a", "b", "c", "d", "e"};
  const std::string message = error_of([&] { load_model(folder.path(), config); });
  CHECK(contains(message, "classifier"));
  const auto loaded = load_model(folder.path(), config, {.fresh_head = true});
  CHECK(loaded.model->parameters().find("classifier.weight")->variable.shape() == Shape{5, 12});
  CHECK(loaded.report.fresh == std::vector<std::string>{"pre_classifier.weight",
                                                        "pre_classifier.bias", "classifier.weight",
                                                        "classifier.bias"});
  CHECK(loaded.report.unused == std::vector<std::string>{"vocab_projector.bias"});
}

TEST_CASE("Full-size models have transformers' numbers of parameters", "[model][weights]") {
  // From shapes alone: nothing is allocated. Classifiers with two labels.
  struct Known {
    const char* config;
    std::int64_t parameters;
  };
  const Known known[] = {
      {R"({"model_type": "bert"})", 109'483'778},
      {R"({"model_type": "distilbert"})", 66'955'010},
      {R"({"model_type": "distilbert", "vocab_size": 119547})", 135'326'210},
      {R"({"model_type": "roberta", "max_position_embeddings": 514, "type_vocab_size": 1})",
       124'647'170},
      {R"({"model_type": "roberta", "max_position_embeddings": 514, "type_vocab_size": 1,
           "num_hidden_layers": 6})",
       82'119'938},
      {R"({"model_type": "xlm-roberta", "vocab_size": 250002, "max_position_embeddings": 514,
           "type_vocab_size": 1})",
       278'045'186},
      {R"({"model_type": "electra", "embedding_size": 768, "hidden_size": 768, "num_attention_heads": 12,
           "intermediate_size": 3072})",
       109'483'778},
      {R"({"model_type": "electra"})", 13'549'314},
      {R"({"model_type": "albert", "hidden_size": 768, "num_attention_heads": 12,
           "intermediate_size": 3072})",
       11'685'122},
      {R"({"model_type": "mobilebert", "classifier_activation": false})", 24'582'914},
      {R"({"model_type": "modernbert"})", 149'606'402},
  };
  for (const Known& model : known) {
    INFO(model.config);
    const auto made =
        make_model(ModelConfig::parse(Json::parse(model.config, "test"), "config.json"));
    CHECK(made->parameters().count() == model.parameters);
    for (const Parameter& parameter : made->parameters()) CHECK_FALSE(parameter.variable.defined());
  }
}

TEST_CASE("A model that no machine can hold is refused before it is made", "[model][weights]") {
  ModelConfig config = tiny_config("bert", 1000);
  config.hidden_size = 1 << 16;
  config.heads = 1 << 10;
  config.intermediate_size = 1 << 20;
  const std::string message = error_of([&] { random_model(config, 1); });
  CHECK(contains(message, "bert: 154"));
  CHECK(contains(message, "parameters take"));
  // Nor is one cut, whatever its teacher is.
  const auto teacher = random_model(tiny_config("bert", 100), 1);
  CutOptions wide = {.type = "same",
                     .hidden = config.hidden_size,
                     .heads = config.heads,
                     .feed_forward = config.intermediate_size,
                     .init = CutInit::fresh};
  for (int layer = 1; layer <= 100; ++layer) wide.layers.push_back(layer);
  CHECK(contains(error_of([&] { cut_student(*teacher, wide); }), "parameters take"));
}

TEST_CASE("What a file calls its tensors doesn't break the lines of a report", "[model][weights]") {
  LoadReport report;
  report.unused = {"plain.weight", "two\nlines", "\x1b[31mred", std::string(100'000, 'n')};
  const auto lines = report_lines(report, "DIR");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("DIR: in the file and not used: plain.weight, \"two\\nlines\", "));
  CHECK_FALSE(contains(lines[0], "\n"));
  CHECK_FALSE(contains(lines[0], "\x1b"));
  CHECK(lines[0].size() < 400);
}

TEST_CASE("Random weights depend on seed and name alone", "[model][weights]") {
  const auto small = random_model(tiny_config("bert", 1), 9),
             large = random_model(tiny_config("bert", 3), 9);
  for (const Parameter& parameter : small->parameters())
    CHECK(same_bits(parameter.variable.value(),
                    large->parameters().find(parameter.name)->variable.value()));
  const auto other = random_model(tiny_config("bert", 1), 10);
  CHECK_FALSE(same_bits(small->parameters().find("classifier.weight")->variable.value(),
                        other->parameters().find("classifier.weight")->variable.value()));
  // Of the deviation that the config names, norms at 1 and biases at 0.
  const auto words =
      numbers(small->parameters().find("bert.embeddings.word_embeddings.weight")->variable);
  CHECK(norm(words) / std::sqrt(static_cast<double>(words.size())) == Approx(0.4).epsilon(0.1));
  CHECK(numbers(small->parameters().find("bert.embeddings.LayerNorm.weight")->variable) ==
        std::vector<double>(12, 1.0));
}
