// Heads: what each gives, which parameters it adds, and how files with and without it are read.
#include <set>

#include "nn/weights/load.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

std::unique_ptr<Model> model_for(Task task, const std::string& type = "bert", bool tied = true) {
  ModelConfig config = tiny_config(type, 2, {"a", "b", "c"});
  config.task = task;
  config.tie_word_embeddings = tied;
  auto model = make_model(config);
  randomise(*model, 17);
  return model;
}

Variable logits_of(const Model& model, const std::vector<TokenSequence>& sequences) {
  return model.forward(batch_of(sequences, model), {}, {}).logits;
}

bool has(const Model& model, const std::string& name) {
  return model.parameters().find(name) != nullptr;
}

const std::vector<int> kLengths = {4, 1, 9};

}  // namespace

TEST_CASE("A head gives a row for each sequence or for each token", "[model][heads]") {
  const std::int64_t sequences = 3, tokens = 14, labels = 3, hidden = 12, vocabulary = 53;
  for (const std::string type : {"bert", "distilbert"})
    for (const auto& [task, shape] :
         {std::pair{Task::sequence_classification, Shape{sequences, labels}},
          std::pair{Task::token_classification, Shape{tokens, labels}},
          std::pair{Task::question_answering, Shape{tokens, 2}},
          std::pair{Task::masked_lm, Shape{tokens, vocabulary}},
          std::pair{Task::embedding, Shape{sequences, hidden}}}) {
      INFO(type << " for " << name(task));
      const auto model = model_for(task, type);
      CHECK(logits_of(*model, random_sequences(kLengths, model->config(), 3)).shape() == shape);
    }
}

TEST_CASE("Each pooling takes its rows", "[model][heads]") {
  const auto model = model_for(Task::none);
  const auto sequences = random_sequences(kLengths, model->config(), 3);
  const Batch batch = batch_of(sequences, *model);
  const std::vector<double> x = {1, 2, -3, 4, 5, 0, 7, -8, 9, 10, -11, 12, 13, -14};  // one column
  const Variable hidden(Tensor::from(std::vector<float>(x.begin(), x.end())).reshape({14, 1}));
  const auto pooled = [&](Pooling pooling) { return numbers(Head(pooling)(hidden, batch, {})); };
  CHECK(pooled(Pooling::tokens) == x);
  CHECK(pooled(Pooling::first) == std::vector<double>{1, 5, 0});
  CHECK(pooled(Pooling::last) == std::vector<double>{4, 5, -14});
  CHECK(pooled(Pooling::max) == std::vector<double>{4, 5, 13});
  const auto mean = pooled(Pooling::mean);
  CHECK(largest(differences(mean, {1, 5, 2})) < 1e-6);
}

TEST_CASE("An embedding is the mean of the last layer's tokens at length 1", "[model][heads]") {
  const auto model = model_for(Task::embedding);
  const auto sequences = random_sequences({5}, model->config(), 3);
  Want want;
  want.hidden = {2};
  const Output output = model->forward(batch_of(sequences, *model), want, {});
  const auto hidden = numbers(output.hidden.at(2)), ours = numbers(output.logits);
  std::vector<double> mean(12, 0.0);
  for (std::size_t i = 0; i < hidden.size(); ++i) mean[i % 12] += hidden[i] / 5;
  const double length = norm(mean);
  for (double& value : mean) value /= length;
  CHECK(largest(differences(ours, mean)) < 1e-6);
}

TEST_CASE("A masked-LM head shares the table of words unless the config unties them",
          "[model][heads]") {
  for (const auto& [type, decoder] :
       {std::pair<const char*, const char*>{"bert", "cls.predictions.decoder"},
        std::pair<const char*, const char*>{"distilbert", "vocab_projector"}}) {
    INFO(type);
    const std::string weight = std::string(decoder) + ".weight";
    const auto tied = model_for(Task::masked_lm, type),
               untied = model_for(Task::masked_lm, type, false);
    CHECK_FALSE(has(*tied, weight));
    CHECK(has(*untied, weight));
    // BERT's bias is shared with the table, so that it is untied, too.
    const std::int64_t columns = type == std::string("bert") ? 12 + 1 : 12;
    CHECK(untied->parameters().count() == tied->parameters().count() + 53 * columns);
    // A file that holds the shared table under both names, or the head's alone.
    const Folder folder("heads-tied");
    save_model(*tied, folder.path());
    const std::string words = std::string(type) + ".embeddings.word_embeddings.weight";
    for (const bool both : {true, false}) {
      std::vector<Tensor> kept;
      std::vector<TensorToWrite> tensors;
      const auto add = [&](const std::string& name, const Tensor& value) {
        kept.push_back(value.contiguous());
        tensors.push_back(
            {name, value.dtype(), {value.shape().begin(), value.shape().end()}, kept.back().raw()});
      };
      for (const Parameter& parameter : tied->parameters())
        if (both || parameter.name != words) add(parameter.name, parameter.variable.value());
      add(weight, tied->parameters().find(words)->variable.value());
      write_safetensors(folder.path() / "model.safetensors", tensors);
      const auto loaded = load_model(folder.path());
      CHECK(loaded.report.unused.empty());
      CHECK(loaded.report.fresh.empty());
      CHECK(same_bits(loaded.model->parameters().find(words)->variable.value(),
                      tied->parameters().find(words)->variable.value()));
    }
  }
}

TEST_CASE("A body alone is saved without prefix and read from any model", "[model][heads]") {
  const Folder folder("heads-bare");
  const auto classifier = model_for(Task::sequence_classification);
  save_model(*classifier, folder.path());
  ModelConfig config = ModelConfig::read(folder.path());
  config.task = Task::none;
  const auto bare = load_model(folder.path(), config);
  CHECK(bare.report.fresh.empty());
  CHECK(bare.report.unused == std::vector<std::string>{"classifier.bias", "classifier.weight"});
  CHECK(has(*bare.model, "embeddings.word_embeddings.weight"));
  CHECK(has(*bare.model, "pooler.dense.weight"));
  CHECK(contains(error_of([&] { logits_of(*bare.model, random_sequences({3}, config, 1)); }),
                 "without a head"));

  save_model(*bare.model, folder.path());
  config = ModelConfig::read(folder.path());
  CHECK(config.task == Task::none);
  CHECK(config.raw.find("architectures")->as_array("")[0].as_string("") == "BertModel");
  config.task = Task::sequence_classification;
  const auto again = load_model(folder.path(), config);
  CHECK(again.report.fresh == std::vector<std::string>{"classifier.weight", "classifier.bias"});
  CHECK(again.report.fresh_head == "classifier.bias");
  CHECK(contains(error_of([&] { check_trained_head(again.report, folder.path()); }),
                 "classifier.bias"));
  for (const Parameter& parameter : classifier->parameters())
    if (parameter.part != Part::head)
      CHECK(same_bits(parameter.variable.value(),
                      again.model->parameters().find(parameter.name)->variable.value()));
}

TEST_CASE("config.json's first class picks the task", "[model][heads]") {
  const auto parsed = [](const char* text) {
    return ModelConfig::parse(Json::parse(text, "t"), "c.json");
  };
  CHECK(parsed(R"({"model_type": "bert"})").task == Task::sequence_classification);
  CHECK(parsed(R"({"model_type": "bert", "architectures": []})").task ==
        Task::sequence_classification);
  for (const Task task :
       {Task::sequence_classification, Task::token_classification, Task::question_answering,
        Task::masked_lm, Task::causal_lm, Task::seq2seq_lm, Task::none}) {
    CHECK(task_of_class("Bert" + std::string(class_suffix(task))) == task);
    CHECK(parse_task(name(task)) == task);
  }
  CHECK(task_of_class("GPT2LMHeadModel") == Task::causal_lm);
  CHECK(task_of_class("BertForPreTraining") == Task::none);
  CHECK(contains(error_of([] { parse_task("summary"); }), "masked-lm"));
  ModelConfig config = tiny_config("bert");
  config.task = Task::seq2seq_lm;
  CHECK(contains(error_of([&] { make_model(config); }), "bert: there is no head for seq2seq-lm"));
}

TEST_CASE("Without problem_type one label is a regression's, as in transformers",
          "[model][heads]") {
  const auto problem = [](const char* rest) {
    return ModelConfig::parse(
               Json::parse(R"({"model_type": "bert", )" + std::string(rest) + "}", "t"), "c.json")
        .problem;
  };
  CHECK(problem(R"("num_labels": 1)") == Problem::regression);
  CHECK(problem(R"("num_labels": 2)") == Problem::single_label);
  CHECK(problem(R"("num_labels": 2, "problem_type": "multi_label_classification")") ==
        Problem::multi_label);
  CHECK(contains(error_of([&] { problem(R"("problem_type": "ranking")"); }),
                 "c.json: problem_type: 'ranking'"));
}

TEST_CASE("What is wanted of a layer's attention belongs together", "[model][heads]") {
  const auto model = model_for(Task::none);
  const auto sequences = random_sequences(kLengths, model->config(), 3);
  const Batch batch = batch_of(sequences, *model);
  Want want;
  want.logits = false;
  want.attention = want.scores = want.query = want.key = want.value = {1};
  const Output output = model->forward(batch, want, {});
  CHECK(output.hidden.empty());
  const auto probabilities = output.attention.at(1), scores = output.scores.at(1);
  CHECK(largest(differences(numbers(ragged_softmax(scores, batch.ragged, 3)),
                            numbers(probabilities))) < 1e-6);
  const auto products =
      numbers(ragged_products(output.query.at(1), output.key.at(1), batch.ragged, 3) * 0.5);
  CHECK(largest(differences(numbers(scores), products)) < 1e-5);  // 1/√4
  CHECK(output.value.at(1).shape() == Shape{14, 12});
  for (const LayerTensorKind& kind : kLayerTensorKinds) {
    Want beyond;
    beyond.logits = false;
    (beyond.*kind.wanted) = {3};
    const std::string message = error_of([&] { model->forward(batch, beyond, {}); });
    CHECK(contains(message, kind.name));
    CHECK(contains(message, "layer 3"));
    (beyond.*kind.wanted) = {kind.first_layer - 1};
    CHECK(contains(error_of([&] { model->forward(batch, beyond, {}); }),
                   "layer " + std::to_string(kind.first_layer - 1)));
  }
}

TEST_CASE("Positions may begin behind the padding id, which has none of its own",
          "[model][heads]") {
  const TokenSequence first{{5, 3, 6}, {}}, second{{3, 7}, {}};
  const TokenSequence* const both[] = {&first, &second};
  const auto positions = [&](BatchLimits limits) {
    return numbers(make_batch(both, limits).positions);
  };
  CHECK(positions({.vocab = 9, .positions = 5}) == std::vector<double>{0, 1, 2, 0, 1});
  CHECK(positions({.vocab = 9, .positions = 5, .types = 0, .first_position = 4, .pad = 3}) ==
        std::vector<double>{4, 3, 5, 3, 4});
}

TEST_CASE("Configurations that no model can have are told so", "[model][heads]") {
  const auto message = [](const std::string& type, const std::string& rest) {
    return error_of([&] {
      ModelConfig::parse(Json::parse("{\"model_type\": \"" + type + "\", " + rest + "}", "test"),
                         "c.json");
    });
  };
  CHECK(contains(message("roberta", R"("pad_token_id": null)"), "c.json: pad_token_id"));
  CHECK(contains(message("roberta", R"("pad_token_id": 511)"), "c.json: pad_token_id"));
  CHECK(contains(message("albert", R"("num_hidden_groups": 13)"), "c.json: num_hidden_groups"));
  CHECK(contains(message("albert", R"("inner_group_num": 2)"), "c.json: inner_group_num"));
  CHECK(contains(message("mobilebert", R"("normalization_type": "none")"),
                 "c.json: normalization_type"));
  CHECK(contains(message("mobilebert", R"("embedding_size": 600)"), "c.json: embedding_size"));
  CHECK(contains(message("mobilebert", R"("num_attention_heads": 3)"), "3 heads"));
  CHECK(contains(message("mobilebert", R"("key_query_shared_bottleneck": false)"),
                 "c.json: key_query"));
  CHECK(contains(message("modernbert", R"("layer_types": ["full_attention"])"),
                 "expected 22 of them, found 1"));
  CHECK(contains(message("modernbert", R"("layer_types": ["half_attention"])"), "half_attention"));
  CHECK(contains(message("modernbert", R"("classifier_pooling": "max")"),
                 "c.json: classifier_pooling"));
  CHECK(contains(message("modernbert", R"("num_attention_heads": 256)"), "even size"));
  CHECK(contains(
      message("modernbert", R"("rope_parameters": {"full_attention": {"rope_type": "yarn"}})"),
      "c.json: rope_parameters: full_attention: rope_type"));
  CHECK(contains(message("bert", R"("num_attention_heads": 7)"), "7 heads"));
  CHECK(
      contains(message("reformer", R"("pad_token_id": 0)"), "there are bert, distilbert, roberta"));
}
