// Students cut from a teacher's layers, and what a batch or a wish beyond the model is told.
#include "nn/cut_student.h"
#include "nn/weights/load.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

std::unique_ptr<Model> teacher_model(const std::string& type, std::int64_t layers,
                                     double epsilon = 1e-12) {
  ModelConfig config = tiny_config(type, layers, {"no", "yes"});
  config.norm_epsilon = epsilon;
  auto model = make_model(config);
  randomise(*model, 21);
  return model;
}

const Tensor& value(const Model& model, const std::string& name) {
  const Parameter* parameter = model.parameters().find(name);
  REQUIRE(parameter != nullptr);
  return parameter->variable.value();
}

bool mentions(const std::vector<std::string>& notes, const std::string& part) {
  for (const std::string& note : notes)
    if (note.find(part) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("A student of the same type has exactly the chosen layers", "[model][cut]") {
  for (const std::string type : {"bert", "distilbert"}) {
    INFO(type);
    const auto teacher = teacher_model(type, 3);
    const auto cut = cut_student(*teacher, {.layers = {1, 3}, .type = "same"});
    CHECK(cut.model->config().layers == 2);
    CHECK(cut.model->config().model_type == type);
    CHECK(cut.model->config().labels == teacher->config().labels);
    const std::string layers =
        type == "bert" ? "bert.encoder.layer." : "distilbert.transformer.layer.";
    std::size_t of_layers = 0;
    for (const Parameter& parameter : cut.model->parameters()) {
      INFO(parameter.name);
      std::string from = parameter.name;
      if (from.starts_with(layers + "1.")) from[layers.size()] = '2';
      of_layers += parameter.name.starts_with(layers);
      CHECK(same_bits(parameter.variable.value(), value(*teacher, from)));
      CHECK(parameter.variable.is_leaf());
      // A copy: training the student leaves the teacher alone.
      CHECK(parameter.variable.value().storage() != value(*teacher, from).storage());
    }
    CHECK(of_layers == 2 * 16);
  }
}

TEST_CASE("A DistilBERT cut from a BERT gives its hidden states where token types are 0",
          "[model][cut]") {
  const auto teacher = teacher_model("bert", 4);
  const auto same = cut_student(*teacher, {.layers = {2, 4}, .type = "same"});
  const auto cut = cut_student(*teacher, {.layers = {2, 4}});
  const Model& student = *cut.model;
  CHECK(student.config().model_type == "distilbert");
  CHECK(mentions(cut.notes, "token-type row 0"));
  CHECK(mentions(cut.notes, "pre_classifier"));
  CHECK_FALSE(mentions(cut.notes, "epsilon"));

  const auto sequences = random_sequences({4, 1, 31, 9}, teacher->config(), 3, false);
  const Want want = everything(student);
  const Output ours = student.forward(batch_of(sequences, student), want, {});
  const Output theirs = same.model->forward(batch_of(sequences, *same.model), want, {});
  for (const int layer : want.hidden) {
    INFO("layer " << layer);
    const auto expected = numbers(theirs.hidden.at(layer));
    CHECK(largest(differences(numbers(ours.hidden.at(layer)), expected)) <=
          1e-5 * largest(expected));
  }
  CHECK(same_bits(value(student, "pre_classifier.weight"),
                  value(*teacher, "bert.pooler.dense.weight")));
  CHECK(
      same_bits(value(student, "pre_classifier.bias"), value(*teacher, "bert.pooler.dense.bias")));
  CHECK(same_bits(value(student, "classifier.weight"), value(*teacher, "classifier.weight")));
}

TEST_CASE("Cutting says when the norms' epsilon changes", "[model][cut]") {
  const auto teacher = teacher_model("bert", 2, 1e-3);
  CHECK(mentions(cut_student(*teacher, {.layers = {1}}).notes, "epsilon"));
  CHECK_FALSE(mentions(cut_student(*teacher, {.layers = {1}, .type = "same"}).notes, "epsilon"));
}

TEST_CASE("A fresh head is made from the seed, the rest is kept", "[model][cut]") {
  const auto teacher = teacher_model("bert", 2);
  const auto fresh =
      cut_student(*teacher, {.layers = {1}, .type = "same", .fresh_head = true, .seed = 4});
  CHECK(mentions(fresh.notes, "classifier.weight was made anew"));
  CHECK_FALSE(
      same_bits(value(*fresh.model, "classifier.weight"), value(*teacher, "classifier.weight")));
  CHECK(largest(numbers(value(*fresh.model, "classifier.bias"))) == 0);
  CHECK(same_bits(value(*fresh.model, "bert.pooler.dense.weight"),
                  value(*teacher, "bert.pooler.dense.weight")));
}

TEST_CASE("A cut student is saved and read back as it is", "[model][cut]") {
  const Folder folder("cut-saved");
  const auto teacher = teacher_model("bert", 3);
  for (const std::string type : {"distilbert", "same"}) {
    const auto cut = cut_student(*teacher, {.layers = {1, 3}, .type = type});
    save_model(*cut.model, folder.path());
    const auto loaded = load_model(folder.path());
    CHECK(loaded.report.fresh.empty());
    CHECK(loaded.report.unused.empty());
    const auto sequences = random_sequences({5, 8}, teacher->config(), 3);
    CHECK(numbers(loaded.model->forward(batch_of(sequences, *loaded.model), {}, {}).logits) ==
          numbers(cut.model->forward(batch_of(sequences, *cut.model), {}, {}).logits));
  }
}

TEST_CASE("Layers that can't be cut are errors", "[model][cut]") {
  const auto teacher = teacher_model("bert", 3);
  const auto message = [&](std::vector<int> layers, const std::string& type = "distilbert") {
    return error_of([&] { cut_student(*teacher, {.layers = layers, .type = type}); });
  };
  CHECK(contains(message({}), "at least one layer"));
  CHECK(contains(message({0}), "layer 0"));
  CHECK(contains(message({1, 4}), "layer 4"));
  CHECK(contains(message({1, 4}), "1 to 3"));
  CHECK(contains(message({-1}), "layer -1"));
  CHECK(contains(message({2, 1}), "ascending"));
  CHECK(contains(message({2, 2}), "ascending"));
  CHECK(contains(message({1}, "roberta"), "roberta"));
}

TEST_CASE("DistilBERT has no use for token types and takes any", "[model]") {
  const auto model = teacher_model("distilbert", 2);
  auto sequences = random_sequences({6, 3}, model->config(), 3, false);
  const auto plain = numbers(model->forward(batch_of(sequences, *model), {}, {}).logits);
  for (TokenSequence& sequence : sequences)
    sequence.type_ids.assign(sequence.ids.size(),
                             1);  // a pair's second text, as the tokenizer says
  CHECK(numbers(model->forward(batch_of(sequences, *model), {}, {}).logits) == plain);
}

TEST_CASE("A batch beyond the model's limits is an error", "[model]") {
  const auto model = teacher_model("bert", 1);
  const auto message = [&](const TokenSequence& sequence) {
    return error_of([&] { batch_of({sequence}, *model); });
  };
  CHECK(contains(message({}), "no tokens"));
  CHECK(contains(message({{1, 53}, {}}), "53"));
  CHECK(contains(message({{-1}, {}}), "-1"));
  CHECK(contains(message({{1, 2}, {0, 2}}), "token type 2"));
  CHECK(contains(message({{1, 2}, {0}}), "token types"));
  CHECK(contains(message({std::vector<std::int32_t>(32, 1), {}}), "31 positions"));
  const auto sequences = random_sequences({3}, model->config(), 1);
  Want want;
  want.hidden = {2};
  CHECK(contains(error_of([&] { model->forward(batch_of(sequences, *model), want, {}); }),
                 "layer 2"));
}

TEST_CASE("A pass stops at the deepest layer that is wanted", "[model]") {
  const auto model = teacher_model("bert", 3);
  const auto sequences = random_sequences({7, 2}, model->config(), 1);
  const Output all = model->forward(batch_of(sequences, *model), everything(*model), {});
  Want want;
  want.logits = false;
  want.hidden = {1};
  const Output some = model->forward(batch_of(sequences, *model), want, {});
  CHECK_FALSE(some.logits.defined());
  CHECK(some.hidden.size() == 1);
  CHECK(numbers(some.hidden.at(1)) == numbers(all.hidden.at(1)));
}

TEST_CASE("Dropout draws from seed, step and row, whatever the batch is", "[model]") {
  ModelConfig config = tiny_config("bert", 2);
  config.set_dropout(0.3);
  const auto model = make_model(config);
  randomise(*model, 2);
  const auto sequences = random_sequences({5, 3, 9}, config, 4);
  Context context{.training = true, .seed = 11, .step = 7};
  const auto whole = numbers(model->forward(batch_of(sequences, *model), {}, context).logits);
  CHECK(whole == numbers(model->forward(batch_of(sequences, *model), {}, context).logits));

  // The last two sequences as a micro-batch of their own.
  Context part = context;
  part.first_token = 5;
  part.first_sequence = 1;
  const auto rest =
      numbers(model->forward(batch_of({sequences[1], sequences[2]}, *model), {}, part).logits);
  CHECK(rest == std::vector<double>(whole.begin() + 2, whole.end()));

  Context next = context;
  next.step = 8;
  CHECK(whole != numbers(model->forward(batch_of(sequences, *model), {}, next).logits));
  next = context;
  next.seed = 12;
  CHECK(whole != numbers(model->forward(batch_of(sequences, *model), {}, next).logits));
  CHECK(whole != numbers(model->forward(batch_of(sequences, *model), {}, {}).logits));
}
