// What the tests of generation share: recorded texts of transformers, tiny models, a model for
// searches alone.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nn/generate.h"
#include "tests/app/t5_testing.h"

namespace retort::testing {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;

inline fs::path golden_folder() {
  return fs::path(RETORT_SOURCE_DIR) / "tests/golden/architectures";
}

inline const Json& record() {
  static const Json json = Json::parse_file(golden_folder() / "generation.json");
  return json;
}

inline const Json& at(const Json& json, const char* key) {
  const Json* found = json.find(key);
  REQUIRE(found != nullptr);
  return *found;
}

inline Ids ids_of(const Json& json) {
  Ids ids;
  for (const Json& id : json.as_array("ids"))
    ids.push_back(static_cast<std::int32_t>(id.as_integer("id")));
  return ids;
}

inline std::vector<float> floats_of(const Json& json) {
  std::vector<float> values;
  for (const Json& value : json.as_array("numbers"))
    values.push_back(static_cast<float>(value.as_number("number")));
  return values;
}

inline std::vector<TokenSequence> prompts_of(const Json& model) {
  std::vector<TokenSequence> prompts;
  for (const Json& prompt : at(model, "prompts").as_array("prompts"))
    prompts.push_back({ids_of(prompt), {}});
  return prompts;
}

// transformers' options of generate.
inline GenerateOptions options_of(const Json& json) {
  GenerateOptions options;
  options.max_new_tokens = json.get("max_new_tokens", 1000);
  options.min_new_tokens = json.get("min_new_tokens", 0);
  options.max_length = json.get("max_length", 0);
  options.min_length = json.get("min_length", 0);
  if (const Json* eos = json.find("eos_token_id")) options.eos = ids_of(*eos);
  options.repetition_penalty = json.get("repetition_penalty", 1.0);
  options.no_repeat_ngram_size = json.get("no_repeat_ngram_size", 0);
  options.temperature = json.get("temperature", 1.0);
  options.top_k = json.get("top_k", 50);
  options.top_p = json.get("top_p", 1.0);
  options.min_p = json.get("min_p", 0.0);
  options.beams = json.get("num_beams", 1);
  options.length_penalty = json.get("length_penalty", 1.0);
  if (const Json* early = json.find("early_stopping"))
    options.early_stopping = early->is_string() ? EarlyStopping::never : EarlyStopping::yes;
  return options;
}

inline std::unique_ptr<Model> golden_model(const std::string& name) {
  ModelConfig config = ModelConfig::read(golden_folder() / name);
  if (config.task != Task::seq2seq_lm) config.task = Task::causal_lm;
  return load_model(golden_folder() / name, config, {.frozen = true}).model;
}

// A llama of three layers, two of whose heads share keys, with room for long texts.
inline std::unique_ptr<Model> long_model() {
  auto model = make_model(ModelConfig::parse(
      Json::parse(R"({"model_type":"llama","vocab_size":37,"hidden_size":12,"num_hidden_layers":3,
                      "num_attention_heads":4,"num_key_value_heads":2,"head_dim":6,
                      "intermediate_size":20,"max_position_embeddings":400})",
                  "test"),
      "config.json"));
  randomise(*model, 5);
  return model;
}

// What a decoder reads of a text.
inline const Ids& decoded(const TokenSequence& text) {
  return text.target_ids.empty() ? text.ids : text.target_ids;
}

// A stretch of that. What an encoder reads comes with the first.
inline TokenSequence part(const TokenSequence& whole, std::size_t begin, std::size_t end) {
  const Ids& ids = decoded(whole);
  const auto at = [&](std::size_t i) { return ids.begin() + static_cast<std::ptrdiff_t>(i); };
  const Ids stretch(at(begin), at(std::min(end, ids.size())));
  if (whole.target_ids.empty()) return {stretch, {}};
  return {begin == 0 ? whole.ids : Ids(), {}, stretch};
}

// Texts of 15 tokens for a decoder, behind prompts of 1, 8 and 15 where there is an encoder.
inline std::vector<TokenSequence> texts_of_15(const Model& model) {
  auto texts = random_sequences({15, 15, 15}, model.config(), 3, false);
  if (!model.config().has_decoder()) return texts;
  const auto prompts = random_sequences({1, 8, 15}, model.config(), 4, false);
  for (std::size_t i = 0; i < texts.size(); ++i)
    texts[i] = {prompts[i].ids, {}, std::move(texts[i].ids)};
  return texts;
}

// Logits of all tokens of one text, without a cache: [tokens, vocabulary].
inline Tensor logits_of(const Model& model, const TokenSequence& text) {
  const NoGrad off;
  return model.forward(batch_of({text}, model), {}, {}).logits.value();
}

inline Tensor logits_of(const Model& model, const std::vector<TokenSequence>& tokens,
                        KeyValueCache& cache) {
  std::vector<const TokenSequence*> pointers;
  for (const TokenSequence& sequence : tokens) pointers.push_back(&sequence);
  const NoGrad off;
  return model.forward(make_batch(pointers, model.limits(), cache), {}, {}).logits.value();
}

// Feeds texts to a cache in pieces of the given lengths, all texts at once, and compares every
// logit with the same text's alone and without a cache.
inline void check_cached(const Model& model, const std::vector<TokenSequence>& texts,
                         const std::vector<std::size_t>& pieces) {
  std::vector<Tensor> expected;
  for (const TokenSequence& text : texts) expected.push_back(logits_of(model, text));
  KeyValueCache cache(model.limits().positions);
  std::size_t from = 0;
  for (const std::size_t piece : pieces) {
    std::vector<TokenSequence> tokens;
    for (const TokenSequence& text : texts) tokens.push_back(part(text, from, from + piece));
    const Tensor logits = logits_of(model, tokens, cache);
    std::int64_t row = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto begin = static_cast<std::int64_t>(from);
      const auto count = static_cast<std::int64_t>(decoded(tokens[i]).size());
      INFO("text " << i << ", tokens " << from << " to " << from + piece);
      CHECK(
          same_bits(logits.slice(0, row, row + count), expected[i].slice(0, begin, begin + count)));
      row += count;
    }
    from += piece;
  }
}

// Logits that don't depend on the tokens: a model for searches alone.
class SameLogits : public Decoding {
 public:
  explicit SameLogits(std::vector<float> logits) : logits_(std::move(logits)) {}
  Tensor advance(std::span<const TokenSequence> tokens) override {
    ++steps;
    std::vector<float> all;
    for (std::size_t i = 0; i < tokens.size(); ++i)
      all.insert(all.end(), logits_.begin(), logits_.end());
    return Tensor::from(
        all, {static_cast<std::int64_t>(tokens.size()), static_cast<std::int64_t>(logits_.size())});
  }
  void select(std::span<const std::int64_t>) override {}
  BatchLimits limits() const override {
    BatchLimits limits;
    limits.vocab = static_cast<std::int64_t>(logits_.size());
    limits.positions = 1000;
    return limits;
  }

  int steps = 0;

 private:
  std::vector<float> logits_;
};

inline std::vector<double> probabilities_of(const std::vector<float>& scores) {
  const float most = *std::max_element(scores.begin(), scores.end());
  std::vector<double> result;
  double total = 0;
  for (const float score : scores)
    total += result.emplace_back(std::exp(static_cast<double>(score) - most));
  for (double& probability : result) probability /= total;
  return result;
}

}  // namespace retort::testing
