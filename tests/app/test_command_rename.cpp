// --rename on the command line: a checkpoint that another program saved under its own names.
#include "nn/weights/weight_files.h"
#include "tests/app/command_testing.h"
#include "tests/app/torch_testing.h"

using namespace retort;
using namespace retort::testing;

namespace fs = std::filesystem;

namespace {

// The world's teacher as if saved from a module of one's own: `encoder` and `classifier.2`.
void save_by_hand(const World& world, const std::string& to) {
  fs::copy(world.at("teacher"), world.at(to), fs::copy_options::recursive);
  fs::remove(fs::path(world.at(to)) / "model.safetensors");
  const WeightFiles teacher(world.at("teacher"));
  std::vector<TensorToWrite> tensors;
  for (const auto& weight : teacher.weights()) {
    std::string name = weight.name;
    if (name.starts_with("bert.")) name.replace(0, 4, "encoder");
    if (name.starts_with("classifier.")) name.replace(0, 10, "classifier.2");
    tensors.push_back(
        {name, weight.tensor->dtype, weight.tensor->shape, weight.tensor->bytes.data()});
  }
  replace_file(fs::path(world.at(to)) / "pytorch_model.bin", torch_file_of(tensors));
}

}  // namespace

TEST_CASE("--rename gives commands the weights of a hand-made checkpoint", "[command]") {
  const World world("rename");
  save_by_hand(world, "mine");
  const Arguments rules = {"--rename", "encoder=bert", "--rename", "classifier.2=classifier"};
  for (const Arguments& command : {Arguments{"predict", "--text", "a b", "--pair", "c"},
                                   Arguments{"eval", "--data", world.at("dev.tsv")}}) {
    INFO(command.front());
    CHECK(output_of(command + Arguments{"--model", world.at("mine")} + rules) ==
          output_of(command + Arguments{"--model", world.at("teacher")}));
    CHECK(contains(output_of({command.front(), "--help"}), "--rename FROM=TO"));
  }
  for (const auto& [model, file] : {std::pair{"teacher", "a"}, std::pair{"mine", "b"}})
    output_of(Arguments{"outputs", "--model", world.at(model), "--ids", "2,5,3", "--out",
                        world.at(file)} +
              (std::string_view(model) == "mine" ? rules : Arguments{}));
  CHECK((content_of(world.at("a")) == content_of(world.at("b"))));

  const Arguments rest = {"--data", world.at("train.tsv"), "--epochs", "1", "--limit", "16",
                          "--quiet"};
  const auto trained = [&](const Arguments& command, const std::string& out) {
    output_of(command + rest + Arguments{"--out", world.at(out)});
    return content_of(fs::path(world.at(out)) / "model.safetensors");
  };
  const Arguments train = {"train", "--model"},
                  distill = {"distill", "--student-layers", "2", "--teacher"};
  CHECK((trained(train + Arguments{world.at("mine")} + rules, "one") ==
         trained(train + Arguments{world.at("teacher")}, "two")));
  CHECK((trained(distill + Arguments{world.at("mine")} + rules, "three") ==
         trained(distill + Arguments{world.at("teacher")}, "four")));
  // The rules are part of the recipe.
  CHECK(contains(content_of(fs::path(world.at("one")) / "recipe.json"), "encoder=bert"));

  CHECK(contains(complaint_of({"predict", "--model", world.at("mine"), "--text", "a"}),
                 "is missing"));
  CHECK(contains(complaint_of(Arguments{"predict", "--model", world.at("mine"), "--text", "a",
                                        "--rename", "classifier"}),
                 "--rename: expected FROM=TO, found 'classifier'"));
  CHECK(contains(output_of({"inspect", world.at("mine/pytorch_model.bin")}), "classifier.2.bias"));
}
