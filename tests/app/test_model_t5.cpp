// T5's configurations of every age, how many numbers the published ones have, how large its first
// weights are, and the files that others wrote.
#include "tests/app/t5_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

// A file of weights, written tensor by tensor.
class WeightList {
 public:
  void add(const std::string& name, const Tensor& tensor) {
    kept_.push_back(tensor.contiguous());
    const Tensor& kept = kept_.back();
    tensors_.push_back(
        {name, kept.dtype(), {kept.shape().begin(), kept.shape().end()}, kept.raw()});
  }
  /// All of a model's parameters but `except`.
  void add_all(const Model& model, const std::string& except = "") {
    for (const Parameter& parameter : model.parameters())
      if (parameter.name != except) add(parameter.name, parameter.variable.value());
  }
  void write(const Folder& folder) const {
    write_safetensors(folder.path() / "model.safetensors", tensors_);
  }

 private:
  std::vector<Tensor> kept_;
  std::vector<TensorToWrite> tensors_;
};

}  // namespace

TEST_CASE("Published encoder-decoders have transformers' numbers of parameters", "[model][t5]") {
  struct Published {
    const char* config;
    std::int64_t count;
  };
  const Published models[] = {
      // T5 small and base, the first with its old class name
      {R"({"model_type":"t5","architectures":["T5WithLMHeadModel"],"n_positions":512})",
       60'506'624},
      {R"({"model_type":"t5","d_model":768,"d_ff":3072,"num_layers":12,"num_heads":12})",
       222'903'552},
      // flan-T5 small and base
      {R"({"model_type":"t5","d_ff":1024,"num_layers":8,"num_decoder_layers":8,"num_heads":6,
           "feed_forward_proj":"gated-gelu","tie_word_embeddings":false})",
       76'961'152},
      {R"({"model_type":"t5","d_model":768,"num_layers":12,"num_heads":12,
           "feed_forward_proj":"gated-gelu","tie_word_embeddings":false})",
       247'577'856},
      // mT5 small and its encoder alone
      {R"({"model_type":"mt5","tie_word_embeddings":false})", 300'176'768},
      {R"({"model_type":"mt5","architectures":["MT5EncoderModel"]})", 146'940'608},
  };
  for (const Published& published : models) {  // from shapes alone: nothing is allocated
    INFO(published.config);
    const auto model = make_model(config_of(published.config));
    CHECK(model->parameters().count() == published.count);
    for (const Parameter& parameter : model->parameters())
      CHECK_FALSE(parameter.variable.defined());
  }
}

TEST_CASE("T5's configurations of every age say the same", "[model][t5]") {
  const ModelConfig plain = config_of(R"({"model_type":"t5","num_layers":4,"pad_token_id":3})");
  CHECK(plain.task == Task::seq2seq_lm);
  CHECK(plain.decoder_layers == 4);          // as many as the encoder has
  CHECK(plain.decoder_start_token_id == 3);  // the padding
  CHECK(plain.tie_word_embeddings);
  CHECK(plain.head_size() == 64);
  CHECK(plain.activation == "relu");
  // The function, and whether a second matrix gates it.
  const auto gated = [](const ModelConfig& config) {
    return make_model(config)->parameters().find(
               "encoder.block.0.layer.1.DenseReluDense.wi_1.weight") != nullptr;
  };
  struct Form {
    const char* text;
    const char* activation;
    bool gated;
  };
  for (const Form& form :
       {Form{R"("feed_forward_proj":"relu")", "relu", false},
        Form{R"("feed_forward_proj":"gelu")", "gelu", false},
        Form{R"("feed_forward_proj":"gated-gelu")", "gelu_new", true},
        Form{R"("feed_forward_proj":"gated-silu")", "silu", true},
        Form{R"("feed_forward_proj":"gated-gelu","dense_act_fn":"gelu")", "gelu", true},
        Form{R"("feed_forward_proj":"relu","is_gated_act":true)", "relu", true}}) {
    INFO(form.text);
    const ModelConfig config = tiny_t5(form.text);
    CHECK(config.activation == form.activation);
    CHECK(gated(config) == form.gated);
    const ModelConfig again = config_of(config.to_json().dump());
    CHECK(again.activation == form.activation);
    CHECK(gated(again) == form.gated);
  }
  // Whether logits are scaled: like the head's table, unless it is said apart; mT5's never are.
  const auto logits = [](const std::string& more, const std::string& type = "t5") {
    const auto model = make_model(tiny_t5(more, type));
    randomise(*model, 5);
    return largest(logits_of(*model, texts()));
  };
  const double scaled = logits(""), unscaled = logits(R"("scale_decoder_outputs":false)");
  CHECK(std::abs(unscaled / scaled - std::sqrt(12.0)) < 1e-4);
  CHECK(logits(R"("tie_word_embeddings":true)") == scaled);
  CHECK(logits(R"("feed_forward_proj":"relu")", "mt5") == unscaled);
  CHECK(std::abs(logits(R"("tie_word_embeddings":false)") /
                     logits(R"("tie_word_embeddings":false,"scale_decoder_outputs":true)") -
                 std::sqrt(12.0)) < 1e-4);
}

TEST_CASE("Encoder-decoders that can't be are told so", "[model][t5]") {
  struct Bad {
    const char* more;
    const char* message;
  };
  const Bad cases[] = {
      {R"("d_kv":0)", "c.json: d_kv: expected a number from 1"},
      {R"("num_decoder_layers":1001)", "c.json: num_decoder_layers"},
      {R"("num_layers":-1)", "c.json: num_layers"},
      {R"("num_heads":1000000)", "c.json: num_heads"},
      {R"("relative_attention_num_buckets":3)", "c.json: relative_attention_num_buckets"},
      {R"("relative_attention_max_distance":16)", "from 17 to"},
      {R"("decoder_start_token_id":32128)", "from 0 to 32127, found 32128"},
      {R"("decoder_start_token_id":-1)", "c.json: decoder_start_token_id"},
      {R"("feed_forward_proj":"gated-swoosh")", "feed_forward_proj: 'gated-swoosh'"},
      {R"("feed_forward_proj":"half-gated-gelu")", "feed_forward_proj: 'half-gated-gelu'"},
      {R"("dense_act_fn":"swoosh")", "c.json: dense_act_fn"},
      {R"("layer_norm_epsilon":-1)", "c.json: layer_norm_epsilon"},
      {R"("dropout_rate":1)", "c.json: dropout_rate"},
      {R"("initializer_factor":-1)", "c.json: initializer_factor"},
  };
  for (const Bad& bad : cases) {
    INFO(bad.more);
    CHECK(contains(error_of([&] {
                     ModelConfig::parse(
                         Json::parse(R"({"model_type":"t5",)" + std::string(bad.more) + "}", "t"),
                         "c.json");
                   }),
                   bad.message));
  }
  for (const Task task : {Task::masked_lm, Task::causal_lm}) {
    ModelConfig config = tiny_t5();
    config.task = task;
    CHECK(contains(error_of([&] { make_model(config); }), "t5: there is no head for"));
  }
  for (const char* end : {"[1, 2]", "29", "-1"}) {
    ModelConfig config = tiny_t5(R"("eos_token_id":)" + std::string(end));
    CHECK_NOTHROW(make_model(config));
    config.task = Task::sequence_classification;
    CHECK(contains(error_of([&] { make_model(config); }), "eos_token_id"));
  }
}

TEST_CASE("T5's parameters are made as large as transformers makes them", "[model][t5]") {
  const auto model = random_model(
      config_of(R"({"model_type":"t5","vocab_size":600,"d_model":64,"d_kv":25,"d_ff":100,
                    "num_layers":1,"num_heads":4,"initializer_factor":3.0,
                    "relative_attention_num_buckets":300,
                    "relative_attention_max_distance":400})"),
      1);
  const auto deviation = [&](const std::string& name) {
    const auto numbers_of = numbers(value(*model, name));
    return norm(numbers_of) / std::sqrt(static_cast<double>(numbers_of.size()));
  };
  const std::string attention = "decoder.block.0.layer.1.EncDecAttention.",
                    feed_forward = "encoder.block.0.layer.1.DenseReluDense.";
  for (const auto& [name, expected] : {std::pair<std::string, double>{"shared.weight", 3.0},
                                       {attention + "q.weight", 3.0 / 40},
                                       {attention + "k.weight", 3.0 / 8},
                                       {attention + "v.weight", 3.0 / 8},
                                       {attention + "o.weight", 3.0 / 10},
                                       {feed_forward + "wi.weight", 3.0 / 8},
                                       {feed_forward + "wo.weight", 3.0 / 10},
                                       {"decoder.block.0.layer.0." + kTable, 3.0 / 8}}) {
    INFO(name);
    CHECK(std::abs(deviation(name) / expected - 1) < 0.06);
  }
  CHECK(model->config().to_json().get("initializer_factor", 0.0) == 3);
  CHECK(model->config().to_json().find("initializer_range") == nullptr);
}

TEST_CASE("Classes of encoder-decoders pick the task and are written", "[model][t5]") {
  for (const auto& [task, name] :
       {std::pair<Task, const char*>{Task::seq2seq_lm, "T5ForConditionalGeneration"},
        {Task::sequence_classification, "T5ForSequenceClassification"},
        {Task::token_classification, "T5ForTokenClassification"},
        {Task::question_answering, "T5ForQuestionAnswering"},
        {Task::embedding, "T5EncoderModel"},
        {Task::none, "T5Model"}}) {
    INFO(name);
    CHECK(task_of_class(name) == task);
    const auto model = tiny_t5_model(task);
    const Json json = model->config().to_json();
    CHECK(json.find("architectures")->as_array("")[0].as_string("") == name);
    CHECK(json.get("is_encoder_decoder", false) == model->config().has_decoder());
    const bool prefixed =
        task == Task::sequence_classification || task == Task::token_classification;
    CHECK((model->parameters().find("transformer.shared.weight") != nullptr) == prefixed);
    CHECK((model->parameters().find("shared.weight") != nullptr) == !prefixed);
    const bool decoder = task != Task::embedding && task != Task::token_classification;
    CHECK(model->config().has_decoder() == decoder);
    // Each is read from any other's file.
    const Folder folder("t5-classes");
    save_model(*model, folder.path());
    for (const Task other : {Task::token_classification, Task::embedding}) {
      ModelConfig config = ModelConfig::read(folder.path());
      config.task = other;
      const LoadedModel loaded = load_model(folder.path(), config);
      const std::string words =
          loaded.model->prefixed() ? "transformer.shared.weight" : "shared.weight";
      CHECK(same_bits(value(*loaded.model, words),
                      value(*model, prefixed ? "transformer.shared.weight" : "shared.weight")));
    }
  }
  CHECK(task_of_class("T5WithLMHeadModel") == Task::seq2seq_lm);
  const auto bare = tiny_t5_model(Task::none);
  Want want;
  want.logits = false;
  want.hidden = {2};
  CHECK(bare->forward(batch_of(texts(), *bare), want, {}).hidden.at(2).shape() == Shape{11, 12});
}

TEST_CASE("Files of T5 hold its table of words under several names", "[model][t5]") {
  const Folder folder("t5-names");
  const auto model = tiny_t5_model();
  save_model(*model, folder.path());
  const Tensor& words = value(*model, "shared.weight");
  const auto expected = logits_of(*model, texts());
  // With every name, with one alone, and with what T5 once had and never read.
  WeightList every;
  every.add_all(*model);
  for (const char* name :
       {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"})
    every.add(name, words);
  every.add("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
            value(*model, "decoder.block.0.layer.0." + kTable));
  every.write(folder);
  const auto check_tied = [&](const std::string& what) {
    INFO(what);
    const LoadedModel loaded = load_model(folder.path());
    CHECK(loaded.report.unused.empty());
    CHECK(loaded.report.fresh.empty());
    CHECK(loaded.model->config().tie_word_embeddings);
    CHECK(logits_of(*loaded.model, texts()) == expected);
  };
  check_tied("every name");
  for (const char* name : {"shared.weight", "encoder.embed_tokens.weight",
                           "decoder.embed_tokens.weight", "lm_head.weight"}) {
    WeightList one;
    one.add_all(*model, "shared.weight");
    one.add(name, words);
    one.write(folder);
    check_tied(name);
    if (std::string_view(name) == "lm_head.weight") continue;  // a head's, which others lack
    // Other heads find it, too, where their body has a prefix that the file lacks.
    ModelConfig config = ModelConfig::read(folder.path());
    config.task = Task::sequence_classification;
    CHECK(same_bits(value(*load_model(folder.path(), config).model, "transformer.shared.weight"),
                    words));
  }
  // Two tables with different numbers aren't one, whatever config.json says ...
  const Tensor other = Tensor::full(words.shape(), 0.25);
  WeightList apart;
  apart.add_all(*model);
  apart.add("lm_head.weight", other);
  apart.write(folder);
  const LoadedModel untied = load_model(folder.path());
  CHECK_FALSE(untied.model->config().tie_word_embeddings);
  CHECK(same_bits(value(*untied.model, "lm_head.weight"), other));
  CHECK(same_bits(value(*untied.model, "shared.weight"), words));
  save_model(*untied.model, folder.path());
  CHECK_FALSE(ModelConfig::read(folder.path()).tie_word_embeddings);
  CHECK(logits_of(*load_model(folder.path()).model, texts()) == logits_of(*untied.model, texts()));
  // ... and of one alone T5 makes both.
  WeightList alone;
  alone.add_all(*model);
  alone.write(folder);
  const LoadedModel tied = load_model(folder.path());
  CHECK(tied.report.fresh.empty());
  CHECK(tied.model->config().tie_word_embeddings);
  CHECK(logits_of(*tied.model, texts()) == expected);
  // The stacks have no tables of their own.
  WeightList stacks;
  stacks.add_all(*model);
  stacks.add("encoder.embed_tokens.weight", other);
  stacks.write(folder);
  CHECK(contains(error_of([&] { load_model(folder.path()); }),
                 "shared.weight and encoder.embed_tokens.weight are one parameter"));
}

TEST_CASE("A frozen T5 in bf16 is used as it lies in the file", "[model][t5]") {
  const Folder folder("t5-bf16");
  const auto model = tiny_t5_model();
  save_model(*model, folder.path());
  WeightList halves;
  for (const Parameter& parameter : model->parameters())
    halves.add(parameter.name, parameter.variable.value().to(DType::bf16));
  halves.write(folder);
  const auto frozen = load_model(folder.path(), {.frozen = true}).model;
  CHECK(value(*frozen, "encoder.block.0.layer.0." + kTable).dtype() == DType::bf16);
  // Products in bf16 of the same numbers: off by its rounding, and no more.
  const auto trained = load_model(folder.path()).model;
  const auto ours = logits_of(*frozen, texts()), exact = logits_of(*trained, texts());
  CHECK(largest(differences(ours, exact)) < 0.1 * largest(exact));
  CHECK(ours != exact);
}
