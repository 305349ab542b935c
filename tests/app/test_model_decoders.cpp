// Decoders: what their configurations may say, how many numbers the published ones have, and the
// files that others wrote. That they compute what transformers does, test_model_architectures.cpp
// checks.
#include <cmath>

#include "nn/rope.h"
#include "nn/weights/load.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

ModelConfig config_of(const std::string& text) {
  return ModelConfig::parse(Json::parse(text, "test"), "config.json");
}

std::string with(const std::string& type, const std::string& more = "") {
  const std::string sizes =
      type == "gpt2" ? R"("n_embd":12,"n_layer":2,"n_head":3,"n_positions":16)"
      : type == "gpt_neo"
          ? R"("hidden_size":12,"num_layers":2,"num_heads":3,"max_position_embeddings":16)"
          : R"("hidden_size":12,"num_hidden_layers":2,"num_attention_heads":3,"head_dim":4,)"
            R"("num_key_value_heads":3,"intermediate_size":20)";
  return R"({"model_type":")" + type + R"(","vocab_size":19,)" + sizes +
         (more.empty() ? "" : "," + more) + "}";
}

// The same weights under another configuration, on the same tokens.
std::vector<double> logits_of(const std::string& text) {
  const auto model = make_model(config_of(text));
  randomise(*model, 3);
  TokenSequence sequence;
  for (int i = 0; i < 12; ++i) sequence.ids.push_back(1 + i * 5 % 18);
  return numbers(model->forward(batch_of({sequence}, *model), {}, {}).logits);
}

}  // namespace

TEST_CASE("Published decoders have transformers' numbers of parameters", "[model]") {
  struct Published {
    const char* config;
    std::int64_t count;
  };
  const Published models[] = {
      // Llama 3.2 1B, Llama 2 7B, SmolLM 135M
      {R"({"model_type":"llama","vocab_size":128256,"hidden_size":2048,"intermediate_size":8192,
           "num_hidden_layers":16,"num_attention_heads":32,"num_key_value_heads":8,"head_dim":64,
           "tie_word_embeddings":true})",
       1'235'814'400},
      {R"({"model_type":"llama"})", 6'738'415'616},
      {R"({"model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,
           "num_hidden_layers":30,"num_attention_heads":9,"num_key_value_heads":3,
           "tie_word_embeddings":true})",
       134'515'008},
      {R"({"model_type":"mistral"})", 7'241'732'096},
      // Qwen 2 0.5B, Qwen 3 0.6B
      {R"({"model_type":"qwen2","hidden_size":896,"intermediate_size":4864,"num_hidden_layers":24,
           "num_attention_heads":14,"num_key_value_heads":2,"tie_word_embeddings":true})",
       494'032'768},
      {R"({"model_type":"qwen3","hidden_size":1024,"intermediate_size":3072,"num_hidden_layers":28,
           "num_attention_heads":16,"num_key_value_heads":8,"tie_word_embeddings":true})",
       596'049'920},
      // Gemma 2 2B, Gemma 3 1B
      {R"({"model_type":"gemma2"})", 2'614'341'888},
      {R"({"model_type":"gemma3_text","vocab_size":262144,"hidden_size":1152,
           "intermediate_size":6912,"num_attention_heads":4,"num_key_value_heads":1})",
       999'885'952},
      {R"({"model_type":"gpt2"})", 124'439'808},
      // GPT-Neo 125M, TinyStories 33M
      {R"({"model_type":"gpt_neo","hidden_size":768,"num_layers":12,"num_heads":12})", 125'198'592},
      {R"({"model_type":"gpt_neo","hidden_size":768,"num_layers":4,
           "attention_types":[[["global","local"],2]]})",
       68'514'048},
  };
  for (const Published& published : models) {  // from shapes alone: nothing is allocated
    INFO(published.config);
    const auto model = make_model(config_of(published.config));
    CHECK(model->config().task == Task::causal_lm);
    CHECK(model->parameters().count() == published.count);
    for (const Parameter& parameter : model->parameters())
      CHECK_FALSE(parameter.variable.defined());
  }
}

TEST_CASE("A Decoder is a few numbers and a Llama on disk", "[model]") {
  const Folder folder("decoder");
  ModelConfig config = config_of(R"({"model_type":"decoder","vocab_size":50,"hidden_size":24,
                                     "num_attention_heads":4,"num_key_value_heads":2})");
  CHECK(config.intermediate_size == 64);
  CHECK(config.layers == 4);
  CHECK(config.tie_word_embeddings);
  const auto model = random_model(config, 4);
  CHECK(model->parameters().find("lm_head.weight") == nullptr);
  save_model(*model, folder.path());
  const Json written = Json::parse_file(folder.path() / "config.json");
  CHECK(written.get("model_type", "") == "llama");
  CHECK(written.find("architectures")->as_array("")[0].as_string("") == "LlamaForCausalLM");
  CHECK(written.get("rope_theta", 0.0) == 10000);
  CHECK(written.get("num_key_value_heads", 0) == 2);
  const auto loaded = load_model(folder.path());
  CHECK(loaded.report.fresh.empty());
  const Batch batch = batch_of({TokenSequence{{3, 9, 27, 31}, {}}}, *model);
  CHECK(numbers(loaded.model->forward(batch, {}, {}).logits) ==
        numbers(model->forward(batch, {}, {}).logits));
}

TEST_CASE("A long batch has the same bits where nothing is recorded", "[model]") {
  // Feed-forward networks get it in slices then, the last one a short one.
  const auto model = random_model(config_of(with("llama")), 5);
  const auto batch = batch_of(random_sequences({700, 340, 1}, model->config(), 6), *model);
  const auto recorded = numbers(model->forward(batch, {}, {}).logits);
  const NoGrad off;
  CHECK(numbers(model->forward(batch, {}, {}).logits) == recorded);
}

TEST_CASE("Rotations slow down as a configuration says", "[model]") {
  const auto frequencies = [](const Rope& rope) { return numbers(rope_frequencies(rope, 8)); };
  const auto plain = frequencies({.theta = 10000});
  CHECK(plain[0] == 1);
  CHECK(plain[3] == Approx(1e-3).epsilon(1e-12));
  const auto slower = frequencies({.theta = 10000, .type = "linear", .factor = 4});
  for (int i = 0; i < 4; ++i) CHECK(slower[i] == Approx(plain[i] / 4).epsilon(1e-12));
  // Of a context of 128 tokens: 20, 2.04, 0.2 and 0.02 turns; below 1 divided by 8, above 4 kept.
  const auto blended =
      frequencies({.theta = 10000, .type = "llama3", .factor = 8, .original_positions = 128});
  const double share = (128 * 0.1 / (2 * M_PI) - 1) / 3;
  CHECK(blended[0] == 1);
  CHECK(blended[1] == Approx(0.1 * (share + (1 - share) / 8)).epsilon(1e-12));
  CHECK(blended[2] == Approx(0.01 / 8).epsilon(1e-12));
  CHECK(blended[3] == Approx(0.001 / 8).epsilon(1e-12));
}

TEST_CASE("Old and new spellings of decoders' keys mean the same", "[model]") {
  const std::string scaling =
      R"({"TYPE":"llama3","factor":4.0,"low_freq_factor":1.0,"high_freq_factor":4.0,)"
      R"("original_max_position_embeddings":8MORE})";
  const auto spelled = [&](const std::string& key, const std::string& type,
                           const std::string& more) {
    std::string text = scaling;
    text.replace(text.find("TYPE"), 4, type);
    text.replace(text.find("MORE"), 4, more);
    return "\"" + key + "\":" + text;
  };
  const std::string theta = R"("rope_theta":50.0,)";
  const auto now =
      logits_of(with("llama", spelled("rope_parameters", "rope_type", R"(,"rope_theta":50.0)")));
  CHECK(now == logits_of(with("llama", theta + spelled("rope_scaling", "rope_type", ""))));
  CHECK(now == logits_of(with("llama", theta + spelled("rope_scaling", "type", ""))));
  CHECK(now != logits_of(with("llama", R"("rope_theta":50.0)")));
  // Gemma 3's two rotations.
  const auto gemma =
      logits_of(with("gemma3_text", R"("rope_theta":90.0,"rope_local_base_freq":20.0,)"
                                    R"("sliding_window_pattern":2)"));
  CHECK(gemma ==
        logits_of(with("gemma3_text", R"("rope_parameters":{"full_attention":{"rope_theta":90.0},)"
                                      R"("sliding_attention":{"rope_theta":20.0}},)"
                                      R"("layer_types":["sliding_attention","full_attention"])")));
  // What null and absence mean.
  CHECK(logits_of(with("mistral", R"("sliding_window":null)")) == logits_of(with("llama")));
  CHECK(logits_of(with("mistral", R"("sliding_window":4)")) != logits_of(with("llama")));
  CHECK(logits_of(with("qwen2", R"("sliding_window":4,"max_window_layers":0)")) ==
        logits_of(with("qwen2")));
  CHECK(logits_of(with("qwen2", R"("sliding_window":4,"max_window_layers":0,)"
                                R"("use_sliding_window":true)")) != logits_of(with("qwen2")));
  CHECK(logits_of(with("gemma2", R"("final_logit_softcapping":30.0,)"
                                 R"("attn_logit_softcapping":50.0)")) == logits_of(with("gemma2")));
  CHECK(logits_of(with("gemma2", R"("final_logit_softcapping":null)")) !=
        logits_of(with("gemma2")));
  CHECK(
      logits_of(with("gpt_neo", R"("window_size":3)")) ==
      logits_of(with("gpt_neo", R"("window_size":3,"attention_types":[[["global","local"],1]])")));
  CHECK(logits_of(with("gpt_neo", R"("window_size":3)")) != logits_of(with("gpt_neo")));
}

TEST_CASE("Impossible configurations of decoders name file and key", "[model]") {
  struct Case {
    const char *type, *more, *message;
  };
  const Case cases[] = {
      {"llama", R"("num_key_value_heads":2)", "3 heads can't share 2"},
      {"llama", R"("head_dim":5)", "head_dim: expected an even number, found 5"},
      {"llama", R"("rope_parameters":{"rope_type":"yarn"})", "rope_parameters: rope_type 'yarn'"},
      {"llama", R"("rope_scaling":[1])", "rope_scaling: expected an object, found a array"},
      {"llama", R"("rope_scaling":{"type":"linear","factor":0.5})",
       "factor: expected a number from 1"},
      {"llama", R"("rope_scaling":{"type":"llama3","low_freq_factor":4.0})", "isn't below"},
      {"llama", R"("rope_parameters":{"partial_rotary_factor":0.5})", "partial_rotary_factor"},
      {"llama", R"("rope_theta":0)", "rope_theta: expected a number from 1"},
      {"llama", R"("hidden_act":"mish")", "hidden_act: the activation 'mish'"},
      {"llama", R"("architectures":["LlamaForQuestionAnswering"])",
       "no head for question-answering"},
      {"mistral", R"("sliding_window":-1)", "sliding_window: expected a number from 1"},
      {"qwen2", R"("layer_types":["full_attention"])", "layer_types: expected one for each of 2"},
      {"qwen3", R"("layer_types":["full_attention","linear"])", "layer_types: 'linear'"},
      {"gemma2", R"("final_logit_softcapping":0)", "a number above 0 or null, found 0"},
      {"gemma2", R"("query_pre_attn_scalar":-4)", "query_pre_attn_scalar"},
      {"gemma3_text", R"("use_bidirectional_attention":true)", "use_bidirectional_attention"},
      {"gemma3_text", R"("sliding_window_pattern":0)", "sliding_window_pattern"},
      {"gpt2", R"("scale_attn_by_inverse_layer_idx":true)", "scale_attn_by_inverse_layer_idx"},
      {"gpt2", R"("add_cross_attention":true)", "add_cross_attention"},
      {"gpt_neo", R"("attention_types":[[["global"],1]])", "for each of 2 layers, found 1"},
      {"gpt_neo", R"("attention_types":[[["global","local"],2]])", "2 layers, found more"},
      {"gpt_neo", R"("attention_types":[[["sparse"],2]])", "'sparse'"},
      {"gpt_neo", R"("attention_types":[[["global"],-1]])", "from 0 to 2, found -1"},
      {"gpt_neo", R"("attention_types":[["global"]])", "pairs of types and a number"},
  };
  for (const Case& bad : cases) {
    INFO(bad.type << " " << bad.more);
    std::string text = with(bad.type, bad.more);
    // A key that is there already is replaced.
    for (const char* key : {R"("num_key_value_heads":3,)", R"("head_dim":4,)"})
      if (const auto name = std::string(key).substr(0, std::string(key).find(':'));
          std::string(bad.more).starts_with(name))
        text.erase(text.find(key), std::string(key).size());
    CHECK(contains(error_of([&] { make_model(config_of(text)); }), bad.message));
  }
}

TEST_CASE("GPT-2's published files hold a body without prefix and computed buffers", "[model]") {
  const Folder folder("gpt2-published");
  for (const std::string type : {"gpt2", "gpt_neo"}) {
    const auto model = make_model(config_of(with(type)));
    randomise(*model, 8);
    save_model(*model, folder.path());
    std::vector<TensorToWrite> tensors;
    for (const Parameter& parameter : model->parameters())
      tensors.push_back({parameter.name.substr(std::string("transformer.").size()),
                         DType::f32,
                         {parameter.shape.begin(), parameter.shape.end()},
                         parameter.variable.value().raw()});
    const float one = 1;
    const std::string attention = type == "gpt2" ? "h.0.attn." : "h.0.attn.attention.";
    for (const char* buffer : {"bias", "masked_bias"})
      tensors.push_back({attention + buffer, DType::f32, {1}, &one});
    write_safetensors(folder.path() / "model.safetensors", tensors);
    const auto loaded = load_model(folder.path());
    CHECK(loaded.report.fresh.empty());
    CHECK(loaded.report.unused.empty());
    for (const Parameter& parameter : model->parameters())
      CHECK(same_bits(parameter.variable.value(),
                      loaded.model->parameters().find(parameter.name)->variable.value()));
    CHECK(Json::parse_file(folder.path() / "config.json").find("architectures")->as_array("")[0] ==
          Json(type == "gpt2" ? "GPT2LMHeadModel" : "GPTNeoForCausalLM"));
  }
}
