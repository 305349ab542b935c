// The weights of a model directory, whatever files they lie in: which file is taken, shards, names
// that are changed on the way in, and what is written.
#include <fstream>

#include "nn/weights/load.h"
#include "nn/weights/weight_files.h"
#include "tests/app/model_testing.h"
#include "tests/app/torch_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

namespace fs = std::filesystem;

std::vector<float> floats_of(const TensorEntry& entry) {
  std::vector<float> out(entry.bytes.size() / sizeof(float));
  std::memcpy(out.data(), entry.bytes.data(), entry.bytes.size());
  return out;
}

// Tensors of a model, each under the name that `rename` gives it; the model keeps their values.
template <class Rename>
std::vector<TensorToWrite> tensors_of(const Model& model, Rename&& rename) {
  std::vector<TensorToWrite> tensors;
  for (const Parameter& parameter : model.parameters())
    tensors.push_back({rename(parameter.name),
                       DType::f32,
                       {parameter.shape.begin(), parameter.shape.end()},
                       parameter.variable.value().raw()});
  return tensors;
}

std::string same_name(const std::string& name) { return name; }

std::unique_ptr<Model> tiny_model(const std::string& type) {
  auto model = make_model(tiny_config(type));
  randomise(*model, 5);
  return model;
}

void check_same_weights(const Model& a, const Model& b) {
  for (const Parameter& parameter : a.parameters()) {
    INFO(parameter.name);
    CHECK(same_bits(parameter.variable.value(),
                    b.parameters().find(parameter.name)->variable.value()));
  }
}

std::vector<std::string> files_of(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("Weights in shards are those that the index names", "[weights]") {
  const Folder folder("weights-shards");
  const float one = 1, two = 2;
  const auto index = [&](const std::string& map) {
    replace_file(folder.path() / "model.safetensors.index.json", map);
  };
  const auto message = [&] {
    try {
      WeightFiles files(folder.path());
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(contains(message(), "expected model.safetensors, pytorch_model.bin or the *.index.json"));

  write_safetensors(folder.path() / "s1.safetensors",
                    std::vector<TensorToWrite>{{"a", DType::f32, {1}, &one},
                                               {"unlisted", DType::f32, {1}, &two}});
  write_safetensors(
      folder.path() / "s2.safetensors",
      std::vector<TensorToWrite>{{"b", DType::f32, {1}, &two}, {"a", DType::f32, {1}, &two}});
  index(
      R"({"metadata":{"total_size":8},"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
  const WeightFiles files(folder.path());
  REQUIRE(files.weights().size() == 2);
  REQUIRE(files.files().size() == 2);
  CHECK(floats_of(*files.find("a")->tensor)[0] == 1);
  CHECK(files.find("a")->file == files.files()[0].get());
  CHECK(floats_of(*files.find("b")->tensor)[0] == 2);
  CHECK(files.find("unlisted") == nullptr);

  index(R"({"weight_map":{"a":"s1.safetensors","c":"s2.safetensors"}})");
  CHECK(contains(message(), "tensor \"c\" isn't in its shard \"s2.safetensors\""));
  index(R"({"weight_map":{"a":"s3.safetensors"}})");
  CHECK(contains(message(), "\"s3.safetensors\", which is missing"));
  for (const char* shard : {"../s1.safetensors", "/etc/passwd", "..", ".", "", "sub/s1.safetensors",
                            "..\\\\s1.safetensors", "s1\\u0000"}) {
    INFO(shard);
    index(std::string(R"({"weight_map":{"a":")") + shard + "\"}}");
    CHECK(contains(message(), "expected the file name of a shard in the same folder"));
  }
  index(R"({"weight_map":{"a":1}})");
  CHECK(contains(message(), "expected the file name of a shard"));
  index(R"({"weight_map":[]})");
  CHECK(contains(message(), "\"weight_map\""));
  index(R"([])");
  CHECK(contains(message(), "\"weight_map\""));
  index("");
  CHECK(contains(message(), "model.safetensors.index.json"));

  // model.safetensors comes first; a single file can be named too.
  write_safetensors(folder.path() / "model.safetensors",
                    std::vector<TensorToWrite>{{"whole", DType::f32, {1}, &one}});
  CHECK(WeightFiles(folder.path()).find("whole"));
  CHECK(WeightFiles(folder.path() / "s2.safetensors").find("b"));
  CHECK_THROWS_AS(WeightFiles(folder.path() / "absent"), Error);
}

TEST_CASE("Models load from PyTorch's files, whole and in shards", "[weights][model]") {
  const Folder folder("weights-torch");
  const auto model = tiny_model("bert");
  save_model(*model, folder.path());
  fs::remove(folder.path() / "model.safetensors");
  const auto tensors = tensors_of(*model, same_name);
  for (const bool old : {false, true}) {
    folder.write("pytorch_model.bin", torch_file_of(tensors, old));
    for (const bool frozen : {false, true}) {
      const auto loaded = load_model(folder.path(), {.frozen = frozen});
      check_same_weights(*model, *loaded.model);
      CHECK(loaded.report.unused.empty());
    }
  }
  fs::remove(folder.path() / "pytorch_model.bin");
  const std::size_t half = tensors.size() / 2;
  const auto middle = tensors.begin() + static_cast<std::ptrdiff_t>(half);
  folder.write("pytorch_model-00001-of-00002.bin", torch_file_of({tensors.begin(), middle}));
  folder.write("pytorch_model-00002-of-00002.bin", torch_file_of({middle, tensors.end()}, true));
  Json index;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    index["weight_map"][tensors[i].name] =
        i < half ? "pytorch_model-00001-of-00002.bin" : "pytorch_model-00002-of-00002.bin";
  folder.write("pytorch_model.bin.index.json", index.dump());
  check_same_weights(*model, *load_model(folder.path()).model);
  // Whole files come before indices, safetensors before everything, as in transformers.
  CHECK(WeightFiles(folder.path()).path().filename() == "pytorch_model.bin.index.json");
  folder.write("pytorch_model.bin", torch_file_of(tensors));
  CHECK(WeightFiles(folder.path()).path().filename() == "pytorch_model.bin");
  folder.write("model.safetensors.index.json", R"({"weight_map":{}})");
  CHECK(WeightFiles(folder.path()).path().filename() == "model.safetensors.index.json");
  save_model(*model, folder.path());
  CHECK(WeightFiles(folder.path()).path().filename() == "model.safetensors");
  // Nothing of what was there is left beside what was saved.
  CHECK(files_of(folder.path()) == std::vector<std::string>{"config.json", "model.safetensors"});
}

TEST_CASE("Large models are written in shards, as transformers does", "[weights]") {
  const Folder folder("weights-split");
  const std::vector<float> numbers(100, 1.5f);
  const std::vector<TensorToWrite> tensors = {{"c", DType::f32, {10}, numbers.data()},
                                              {"a", DType::f32, {5, 2}, numbers.data()},
                                              {"large", DType::f32, {100}, numbers.data()},
                                              {"b", DType::f32, {1}, numbers.data()},
                                              {"none", DType::f32, {0}, nullptr}};
  write_weights(folder.path(), tensors, 100);
  CHECK(files_of(folder.path()) == std::vector<std::string>{"model-00001-of-00003.safetensors",
                                                            "model-00002-of-00003.safetensors",
                                                            "model-00003-of-00003.safetensors",
                                                            "model.safetensors.index.json"});
  const Json index = Json::parse_file(folder.path() / "model.safetensors.index.json");
  CHECK(index.find("metadata")->get("total_size", 0) == 4 * 121);
  CHECK(index.find("metadata")->get("total_parameters", 0) == 121);
  const WeightFiles files(folder.path());
  CHECK(files.weights().size() == tensors.size());
  const std::pair<const char*, std::size_t> places[] = {
      {"c", 1}, {"a", 1}, {"large", 2}, {"b", 3}, {"none", 3}};
  for (const auto& [name, shard] : places) {
    INFO(name);
    CHECK(files.find(name)->file->file()->path().filename() ==
          "model-0000" + std::to_string(shard) + "-of-00003.safetensors");
  }
  CHECK(floats_of(*files.find("large")->tensor) == numbers);
  // Other numbers of shards take the place of these; files that aren't weights stay.
  folder.write("model-00001-of-0000a.safetensors", "mine");
  folder.write("model-notes.safetensors", "mine");
  write_weights(folder.path(), tensors, 450);
  CHECK(files_of(folder.path()) == std::vector<std::string>{"model-00001-of-00002.safetensors",
                                                            "model-00001-of-0000a.safetensors",
                                                            "model-00002-of-00002.safetensors",
                                                            "model-notes.safetensors",
                                                            "model.safetensors.index.json"});
  CHECK(WeightFiles(folder.path()).weights().size() == tensors.size());
  write_weights(folder.path(), tensors, 484);
  CHECK(files_of(folder.path()) == std::vector<std::string>{"model-00001-of-0000a.safetensors",
                                                            "model-notes.safetensors",
                                                            "model.safetensors"});
  // What is refused leaves the old weights, and nothing of the new ones.
  write_weights(folder.path(), tensors, 100);
  const auto before = files_of(folder.path());
  const std::string old = content_of(folder.path() / "model-00001-of-00003.safetensors");
  auto wrong = tensors;
  wrong[3].name = "a";
  CHECK(contains(error_of([&] { write_weights(folder.path(), wrong, 100); }), "one name, \"a\""));
  wrong = tensors;
  wrong[0].shape = {25};
  wrong[3].data = nullptr;
  CHECK(contains(error_of([&] { write_weights(folder.path(), wrong, 100); }), "has no data"));
  CHECK(contains(error_of([&] { write_weights(folder.path(), tensors, 0); }), "a limit of 0"));
  CHECK(files_of(folder.path()) == before);
  CHECK(content_of(folder.path() / "model-00001-of-00003.safetensors") == old);
}

TEST_CASE("Rules rename beginnings of names and patterns", "[weights]") {
  struct Case {
    std::vector<std::string> rules;
    std::string name, renamed;
  };
  const Case cases[] = {
      {{"encoder=bert"}, "encoder.layer.0.weight", "bert.layer.0.weight"},
      {{"encoder.=bert."}, "encoder.layer.0.weight", "bert.layer.0.weight"},
      {{"encoder=bert"}, "encoder", "bert"},
      {{"encoder=bert"}, "encoders.weight", "encoders.weight"},
      {{"encoder=bert"}, "my.encoder.weight", "my.encoder.weight"},
      {{"classifier.0=pre_classifier", "classifier.3=classifier"},
       "classifier.0.weight",
       "pre_classifier.weight"},
      {{"classifier.0=pre_classifier", "classifier.3=classifier"},
       "classifier.3.bias",
       "classifier.bias"},
      {{"classifier.0=dense"}, "classifier.01.bias", "classifier.01.bias"},
      {{"module="}, "module.bert.x", "bert.x"},
      {{"module="}, "module", "module"},
      {{"=bert"}, "encoder.x", "bert.encoder.x"},
      {{"module=", "encoder=bert"}, "module.encoder.x", "bert.x"},
      {{"*.attn.*=*.attention.*"}, "layer.3.attn.q.weight", "layer.3.attention.q.weight"},
      {{"h.*.w*=layer.*.*eight"}, "h.11.w", "layer.11.eight"},
      {{"h.*.w=layer.*.v"}, "h.11.wx", "h.11.wx"},
      {{"h.*.w=layer.*.v"}, "h.w", "h.w"},
      {{"*=model.*"}, "a.b", "model.a.b"},
      {{"a*a=b*b"}, "a", "a"},
      {{"a*a=b*b"}, "aa", "bb"},
      {{"*.b.*.b=*-*"}, "x.b.b.b.b", "x-b.b"},
  };
  for (const Case& test : cases) {
    INFO(test.name << " by " << test.rules[0]);
    CHECK(Renames(test.rules)(test.name) == test.renamed);
  }
  CHECK(Renames().empty());
  Renames rules({"a=b", "c=d"});
  CHECK(rules.unused() == "a=b");
  rules("a.x");
  CHECK(rules.unused() == "c=d");
  rules("c");
  CHECK(rules.unused().empty());
  CHECK(contains(error_of([] { Renames({"encoder"}); }), "expected FROM=TO, found 'encoder'"));
  CHECK(contains(error_of([] { Renames({"="}); }), "expected FROM=TO"));
  CHECK(contains(error_of([] { Renames({"a.*=b"}); }), "as many * on both sides"));
  // Many stars take no more time than few.
  const std::string stars(2000, '*'), name(100'000, 'a');
  CHECK(Renames({stars + "b=" + stars})(name) == name);
}

TEST_CASE("Hand-made checkpoints load under the names that models have", "[weights][model]") {
  const Folder folder("weights-rename");
  const auto model = tiny_model("distilbert");
  save_model(*model, folder.path());
  fs::remove(folder.path() / "model.safetensors");
  const std::pair<std::string, std::string> ours[] = {{"distilbert.", "net.encoder."},
                                                      {"pre_classifier.", "net.head.0."},
                                                      {"classifier.", "net.head.3."}};
  const auto by_hand = [&](const std::string& name) {
    for (const auto& [to, from] : ours)
      if (name.starts_with(to)) return from + name.substr(to.size());
    return name;
  };
  folder.write("pytorch_model.bin", torch_file_of(tensors_of(*model, by_hand)));
  CHECK(contains(error_of([&] { load_model(folder.path()); }), "is missing"));
  const std::vector<std::string> rules = {"net=", "encoder=distilbert", "head.0=pre_classifier",
                                          "head.3=classifier"};
  const auto loaded = load_model(folder.path(), {.rename = rules});
  check_same_weights(*model, *loaded.model);
  CHECK(loaded.report.fresh.empty());
  CHECK(loaded.report.unused.empty());

  auto wrong = rules;
  wrong.push_back("decoder=x");
  const std::string message = error_of([&] { load_model(folder.path(), {.rename = wrong}); });
  CHECK(contains(message, "--rename decoder=x: fits no tensor of " +
                              (folder.path() / "pytorch_model.bin").string()));
  CHECK(contains(message, "net.encoder.embeddings.word_embeddings.weight"));
  const std::vector<std::string> merged = {"net.head.0=classifier", "net.head.3=classifier"};
  const std::string both = error_of([&] { load_model(folder.path(), {.rename = merged}); });
  CHECK(contains(both, "\"net.head.0.weight\" and \"net.head.3.weight\" one name"));
  // What isn't used is reported by its new name.
  const auto partly =
      load_model(folder.path(),
                 {.rename = {"net=", "encoder=distilbert", "head.0=other", "head.3=classifier"}});
  CHECK(partly.report.unused == std::vector<std::string>{"other.weight", "other.bias"});
  CHECK(partly.report.fresh ==
        std::vector<std::string>{"pre_classifier.weight", "pre_classifier.bias"});
}
