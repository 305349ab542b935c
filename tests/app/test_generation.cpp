// Generation over ids: the cache changes no bit, greedy and beam search write what transformers
// writes (tests/golden/architectures/generation.py), draws follow the distribution that its filters
// leave, and none depends on the batch.
#include <algorithm>
#include <map>
#include <numeric>

#include "nn/generate.h"
#include "nn/logit_rules.h"
#include "nn/sampling.h"
#include "tensor/base/parallel.h"
#include "tests/app/t5_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;

fs::path golden_folder() { return fs::path(RETORT_SOURCE_DIR) / "tests/golden/architectures"; }

const Json& record() {
  static const Json json = Json::parse_file(golden_folder() / "generation.json");
  return json;
}

const Json& at(const Json& json, const char* key) {
  const Json* found = json.find(key);
  REQUIRE(found != nullptr);
  return *found;
}

Ids ids_of(const Json& json) {
  Ids ids;
  for (const Json& id : json.as_array("ids"))
    ids.push_back(static_cast<std::int32_t>(id.as_integer("id")));
  return ids;
}

std::vector<float> floats_of(const Json& json) {
  std::vector<float> values;
  for (const Json& value : json.as_array("numbers"))
    values.push_back(static_cast<float>(value.as_number("number")));
  return values;
}

std::vector<TokenSequence> prompts_of(const Json& model) {
  std::vector<TokenSequence> prompts;
  for (const Json& prompt : at(model, "prompts").as_array("prompts"))
    prompts.push_back({ids_of(prompt), {}});
  return prompts;
}

// transformers' options of generate.
GenerateOptions options_of(const Json& json) {
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

std::unique_ptr<Model> golden_model(const std::string& name) {
  ModelConfig config = ModelConfig::read(golden_folder() / name);
  if (config.task != Task::seq2seq_lm) config.task = Task::causal_lm;
  return load_model(golden_folder() / name, config, {.frozen = true}).model;
}

// A llama of three layers, two of whose heads share keys, with room for long texts.
std::unique_ptr<Model> long_model() {
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
const Ids& decoded(const TokenSequence& text) {
  return text.target_ids.empty() ? text.ids : text.target_ids;
}

// A stretch of that. What an encoder reads comes with the first.
TokenSequence part(const TokenSequence& whole, std::size_t begin, std::size_t end) {
  const Ids& ids = decoded(whole);
  const auto at = [&](std::size_t i) { return ids.begin() + static_cast<std::ptrdiff_t>(i); };
  const Ids stretch(at(begin), at(std::min(end, ids.size())));
  if (whole.target_ids.empty()) return {stretch, {}};
  return {begin == 0 ? whole.ids : Ids(), {}, stretch};
}

// Texts of 15 tokens for a decoder, behind prompts of 1, 8 and 15 where there is an encoder.
std::vector<TokenSequence> texts_of_15(const Model& model) {
  auto texts = random_sequences({15, 15, 15}, model.config(), 3, false);
  if (!model.config().has_decoder()) return texts;
  const auto prompts = random_sequences({1, 8, 15}, model.config(), 4, false);
  for (std::size_t i = 0; i < texts.size(); ++i)
    texts[i] = {prompts[i].ids, {}, std::move(texts[i].ids)};
  return texts;
}

// Logits of all tokens of one text, without a cache: [tokens, vocabulary].
Tensor logits_of(const Model& model, const TokenSequence& text) {
  const NoGrad off;
  return model.forward(batch_of({text}, model), {}, {}).logits.value();
}

Tensor logits_of(const Model& model, const std::vector<TokenSequence>& tokens,
                 KeyValueCache& cache) {
  std::vector<const TokenSequence*> pointers;
  for (const TokenSequence& sequence : tokens) pointers.push_back(&sequence);
  const NoGrad off;
  return model.forward(make_batch(pointers, model.limits(), cache), {}, {}).logits.value();
}

// Feeds texts to a cache in pieces of the given lengths, all texts at once, and compares every
// logit with the same text's alone and without a cache.
void check_cached(const Model& model, const std::vector<TokenSequence>& texts,
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

std::vector<double> probabilities_of(const std::vector<float>& scores) {
  const float most = *std::max_element(scores.begin(), scores.end());
  std::vector<double> result;
  double total = 0;
  for (const float score : scores)
    total += result.emplace_back(std::exp(static_cast<double>(score) - most));
  for (double& probability : result) probability /= total;
  return result;
}

}  // namespace

TEST_CASE("Greedy and beam search write what transformers writes", "[generation]") {
  for (const auto& [name, model_record] : at(record(), "texts").as_object("texts")) {
    const auto model = golden_model(name);
    const auto prompts = prompts_of(model_record);
    for (const Json& one : at(model_record, "cases").as_array("cases")) {
      INFO(name << " " << at(one, "options").dump());
      const GenerateOptions options = options_of(at(one, "options"));
      const auto found = generate(*model, prompts, options);
      REQUIRE(found.size() == prompts.size());
      const Json::Array expected = at(one, "ids").as_array("ids");
      for (std::size_t i = 0; i < prompts.size(); ++i) {
        INFO("prompt " << i);
        CHECK(found[i].ids == ids_of(expected[i]));
        if (const Json* scores = one.find("scores"))
          CHECK(found[i].score ==
                Approx(scores->as_array("scores")[i].as_number("score")).epsilon(1e-4));
        // Alone as in the batch, to the bit.
        const auto alone = generate(*model, {&prompts[i], 1}, options);
        CHECK(alone[0].ids == found[i].ids);
        CHECK(alone[0].score == found[i].score);
      }
    }
  }
}

TEST_CASE("Logits with a cache have the bits of those without", "[generation]") {
  for (const auto& [name, model_record] : at(record(), "texts").as_object("texts")) {
    INFO(name);
    const auto model = golden_model(name);
    auto texts = texts_of_15(*model);
    check_cached(*model, texts, std::vector<std::size_t>(15, 1));
    check_cached(*model, texts, {5, 1, 1, 3, 5});
    texts[1] = part(texts[1], 0, 8);  // texts of different lengths, fed at once
    check_cached(*model, texts, {8});
  }
}

TEST_CASE("A cache that grows keeps what it has", "[generation]") {
  const auto model = long_model();
  auto texts = random_sequences({390, 390}, model->config(), 9, false);
  check_cached(*model, texts, {3, 60, 1, 1, 63, 1, 130, 1, 130});
}

TEST_CASE("Logits of last tokens alone are the last rows of all", "[generation]") {
  const auto model = long_model();
  const auto texts = random_sequences({4, 1, 9}, model->config(), 2, false);
  const NoGrad off;
  const Batch batch = batch_of(texts, *model);
  Want want;
  const Tensor all = model->forward(batch, want, {}).logits.value();
  want.last_token_alone = true;
  const Tensor last = model->forward(batch, want, {}).logits.value();
  REQUIRE(last.size(0) == 3);
  CHECK(same_bits(last.slice(0, 0, 1), all.slice(0, 3, 4)));
  CHECK(same_bits(last.slice(0, 1, 2), all.slice(0, 4, 5)));
  CHECK(same_bits(last.slice(0, 2, 3), all.slice(0, 13, 14)));
}

TEST_CASE("Sequences of a cache are taken over, copied and dropped", "[generation]") {
  // Keys are numbers that tell whose they are; two layers of different widths.
  RandomStream random(11);
  constexpr std::int64_t kPositions = 300;
  KeyValueCache cache(kPositions);
  std::vector<std::vector<float>> expected(3);
  float next = 1;
  std::int64_t most_tokens = 0;
  for (int step = 0; step < 150; ++step) {
    std::vector<std::int32_t> lengths;
    std::vector<float> added;
    for (auto& sequence : expected) {
      const std::uint64_t room = kPositions - sequence.size();
      lengths.push_back(
          static_cast<std::int32_t>(random.below(std::min<std::uint64_t>(room, 6) + 1)));
      for (std::int32_t i = 0; i < lengths.back(); ++i) {
        added.push_back(next);
        sequence.push_back(next++);
      }
    }
    const Ragged ragged = cache.extend(lengths);
    const auto rows = static_cast<std::int64_t>(added.size());
    const Tensor narrow = Tensor::from(added, {rows, 1});
    const Tensor wide = narrow.expand({rows, 3}).contiguous();
    cache.append(1, narrow, narrow);
    const KeyValueRows& second = cache.append(2, wide, wide);
    REQUIRE(second.values.size(0) == ragged.key_rows);
    const auto begin = ragged.key_begin.to_vector<std::int32_t>();
    std::int64_t tokens = 0;
    for (std::size_t s = 0; s < expected.size(); ++s) {
      tokens += static_cast<std::int64_t>(expected[s].size());
      CHECK(cache.length(static_cast<std::int64_t>(s)) ==
            static_cast<std::int64_t>(expected[s].size()));
      const std::int64_t end = begin[s] + static_cast<std::int64_t>(expected[s].size());
      const auto held = second.values.slice(0, begin[s], end).slice(1, 2, 3).to_vector<float>();
      CHECK(held == expected[s]);
    }
    most_tokens = std::max(most_tokens, tokens);
    CHECK(cache.rows() <= 2 * most_tokens + 64 * 5);
    // One to five sequences go on.
    std::vector<std::int64_t> sources(1 + random.below(5));
    std::vector<std::vector<float>> chosen;
    for (std::int64_t& source : sources) {
      source = static_cast<std::int64_t>(random.below(expected.size()));
      chosen.push_back(expected[static_cast<std::size_t>(source)]);
    }
    cache.select(sources);
    expected = chosen;
  }
}

TEST_CASE("An encoder's prompts are read once, shared and dropped", "[generation]") {
  EncodedPrompts prompts;
  prompts.begin(std::vector<std::int32_t>{3, 1, 2});
  int made = 0;
  const auto make = [&]() -> KeyValueRows {
    ++made;
    return {Tensor::full({6, 2}, made), Tensor::full({6, 4}, made)};
  };
  for (const int layer : {2, 1, 2, 1}) prompts.layer(layer, make);
  CHECK(made == 2);
  CHECK(prompts.layer(2, make).values.to_vector<float>() == std::vector<float>(24, 1));
  CHECK(prompts.layer(1, make).keys.to_vector<float>() == std::vector<float>(12, 2));
  const auto check_ranges = [&](const Ids& queries, const Ids& begins, const Ids& lengths) {
    const Ragged ragged = prompts.seen_by(queries);
    CHECK(ragged.key_begin.to_vector<std::int32_t>() == begins);
    CHECK(ragged.key_length.to_vector<std::int32_t>() == lengths);
    CHECK(ragged.key_rows == 6);
  };
  check_ranges({1, 1, 4}, {0, 3, 4}, {3, 1, 2});
  prompts.select(std::vector<std::int64_t>{2, 0, 0, 2});
  check_ranges({1, 1, 1, 1}, {4, 0, 0, 4}, {2, 3, 3, 2});
  prompts.select(std::vector<std::int64_t>{3, 1});
  check_ranges({2, 1}, {4, 0}, {2, 3});
  CHECK(contains(error_of([&] { prompts.begin(std::vector<std::int32_t>{1}); }), "given before"));
  CHECK(contains(error_of([&] { prompts.seen_by(std::vector<std::int32_t>{1}); }),
                 "1 sequences of queries, but 2"));
  CHECK(contains(error_of([&] {
                   prompts.layer(3, [] {
                     return KeyValueRows{Tensor::zeros({5, 2}), Tensor::zeros({5, 2})};
                   });
                 }),
                 "given for prompts of 6 tokens"));
}

TEST_CASE("What an encoder has read isn't computed again", "[generation]") {
  const auto model = golden_model("t5");
  const TokenSequence first{{4, 9, 17}, {}, {0}}, next{{}, {}, {8}}, again{{4}, {}, {8}};
  KeyValueCache cache(model->limits().positions);
  const auto outputs = [&](const TokenSequence& sequence) {
    const TokenSequence* pointer = &sequence;
    Want want;
    want.encoder.hidden = {1};
    const NoGrad off;
    return model->forward(make_batch({&pointer, 1}, model->limits(), cache), want, {});
  };
  CHECK(outputs(first).encoder.hidden.contains(1));
  CHECK(outputs(next).encoder.hidden.empty());
  CHECK(contains(error_of([&] { outputs(again); }), "1 tokens for the encoder, which has read"));
  CHECK(contains(error_of([&] { outputs({{}, {}, {}}); }), "no target ids"));
  CHECK(contains(error_of([&] {
                   ModelConfig config = tiny_t5();
                   config.task = Task::sequence_classification;
                   const auto classifier = make_model(config);
                   const TokenSequence* pointer = &next;
                   KeyValueCache own(10);
                   make_batch({&pointer, 1}, classifier->limits(), own);
                 }),
                 "models that write"));
}

TEST_CASE("A decoder goes on with the beginning that a prompt has for it", "[generation]") {
  const auto model = golden_model("mt5");
  auto prompts = random_sequences({4, 7}, model->config(), 4, false);
  GenerateOptions options;
  options.max_new_tokens = 9;
  const auto whole = generate(*model, prompts, options);
  const auto start = static_cast<std::int32_t>(model->limits().decoder_start);
  prompts[1].target_ids = {start, whole[1].ids[0], whole[1].ids[1]};
  const auto rest = generate(*model, prompts, options);
  CHECK(rest[0].ids == whole[0].ids);
  CHECK(Ids(rest[1].ids.begin(), rest[1].ids.begin() + 7) ==
        Ids(whole[1].ids.begin() + 2, whole[1].ids.end()));
  // It counts towards the whole length.
  options.max_length = 3;
  const auto limited = generate(*model, prompts, options);
  CHECK(limited[0].ids == Ids(whole[0].ids.begin(), whole[0].ids.begin() + 2));
  CHECK(limited[1].ids.empty());
}

TEST_CASE("What a cache can't hold is an error", "[generation]") {
  KeyValueCache cache(10);
  cache.extend(std::vector<std::int32_t>{6, 2});
  CHECK(contains(error_of([&] { cache.extend(std::vector<std::int32_t>{1}); }),
                 "tokens of 1 sequences were given, it holds 2"));
  CHECK(contains(error_of([&] {
                   cache.select(std::vector<std::int64_t>{0, 2});
                 }),
                 "no sequence 2 of 2"));
  const Tensor rows = Tensor::zeros({7, 4});
  CHECK(contains(error_of([&] { cache.append(1, rows, rows); }), "[7, 4] were given for 8 tokens"));
  CHECK(contains(error_of([&] {
                   cache.extend(std::vector<std::int32_t>{5, 1});
                 }),
                 "has 6 tokens and gets 5, the model has 10 positions"));
  const auto model = long_model();
  KeyValueCache own(model->limits().positions);
  const TokenSequence text{{1, 2, 3}, {}};
  const TokenSequence* pointer = &text;
  const Batch batch = make_batch({&pointer, 1}, model->limits(), own);
  CHECK(contains(error_of([&] { model->forward(batch, {}, {}); }), "NoGrad"));
}

TEST_CASE("Filters leave the probabilities that transformers' leave", "[generation]") {
  for (const Json& row : at(record(), "filters").as_array("filters")) {
    const Ids history = ids_of(at(row, "history"));
    for (const Json& one : at(row, "cases").as_array("cases")) {
      INFO(at(one, "options").dump());
      const GenerateOptions options = options_of(at(one, "options"));
      auto scores = floats_of(at(row, "logits"));
      if (options.repetition_penalty != 1)
        penalize_repetition(scores, history, options.repetition_penalty);
      if (options.no_repeat_ngram_size > 0)
        forbid_repeated_ngrams(scores, history, options.no_repeat_ngram_size);
      keep_choices(scores, options);
      const auto found = probabilities_of(scores);
      const auto& expected = at(one, "probabilities").as_array("probabilities");
      REQUIRE(found.size() == expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        INFO("id " << i);
        const double probability = expected[i].as_number("probability");
        CHECK((found[i] == 0) == (probability == 0));
        CHECK(found[i] == Approx(probability).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("Draws come as often as their probabilities say", "[generation]") {
  const Json& row = at(record(), "filters").as_array("filters")[0];
  constexpr std::size_t kDraws = 20000;
  const std::vector<TokenSequence> prompts(kDraws, TokenSequence{ids_of(at(row, "history")), {}});
  for (const Json& one : at(row, "cases").as_array("cases")) {
    INFO(at(one, "options").dump());
    GenerateOptions options = options_of(at(one, "options"));
    options.sample = true;
    options.max_new_tokens = 1;
    SameLogits model(floats_of(at(row, "logits")));
    std::map<std::int32_t, double> counts;
    for (const Generated& text : generate(model, prompts, options)) ++counts[text.ids.at(0)];
    const auto& expected = at(one, "probabilities").as_array("probabilities");
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO("id " << i);
      const double p = expected[i].as_number("probability"), n = kDraws;
      // Five standard deviations.
      CHECK(std::abs(counts[static_cast<std::int32_t>(i)] - n * p) <=
            5 * std::sqrt(n * p * (1 - p)));
    }
  }
}

TEST_CASE("A uniform number picks its token, and the ends belong to somebody", "[generation]") {
  const float none = -HUGE_VALF;
  const std::vector<float> scores = {none, 0, 0, none, static_cast<float>(std::log(2)), none};
  CHECK(draw(scores, 0) == 1);
  CHECK(draw(scores, 0.24999) == 1);
  CHECK(draw(scores, 0.25001) == 2);
  CHECK(draw(scores, 0.49999) == 2);
  CHECK(draw(scores, 0.50001) == 4);
  CHECK(draw(scores, 1 - 0x1p-53) == 4);
  CHECK(contains(error_of([&] { draw(std::vector<float>(4, none), 0.5); }), "no token"));
  auto equal = std::vector<float>(6, 1.5F);
  keep_top_p(equal, 0);
  CHECK(std::count(equal.begin(), equal.end(), none) == 5);
}

TEST_CASE("Draws depend on seed, prompt number and position alone", "[generation]") {
  const auto model = golden_model(GENERATE("qwen2", "flan_t5"));
  const auto prompts = random_sequences({3, 7, 1, 3, 5}, model->config(), 4, false);
  GenerateOptions options;
  options.sample = true;
  options.temperature = 1.5;
  options.max_new_tokens = 20;
  const auto together = generate(*model, prompts, options);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    GenerateOptions own = options;
    own.first_prompt = static_cast<std::uint32_t>(i);
    CHECK(generate(*model, {&prompts[i], 1}, own)[0].ids == together[i].ids);
  }
  const int threads = thread_count();
  for (const int count : {1, 2, 8}) {
    set_thread_count(count);
    const auto again = generate(*model, prompts, options);
    for (std::size_t i = 0; i < prompts.size(); ++i) CHECK(again[i].ids == together[i].ids);
  }
  set_thread_count(threads);
  // Another seed, another number: other texts.
  GenerateOptions other = options;
  other.seed = 43;
  CHECK(generate(*model, {prompts.data(), 1}, other)[0].ids != together[0].ids);
  other = options;
  other.first_prompt = 1;
  CHECK(generate(*model, {prompts.data(), 1}, other)[0].ids != together[0].ids);
  // And a draw isn't the one before.
  SameLogits even(std::vector<float>(30, 0));
  const Ids drawn = generate(even, {prompts.data(), 1}, options)[0].ids;
  CHECK(Ids(drawn.begin() + 1, drawn.end()) != Ids(drawn.begin(), drawn.end() - 1));
}

TEST_CASE("A stop rule sees every new id once and ends its text", "[generation]") {
  const auto model = golden_model("mistral");
  const auto prompts = random_sequences({3, 6}, model->config(), 4, false);
  GenerateOptions options;
  options.max_new_tokens = 12;
  const auto whole = generate(*model, prompts, options);
  std::vector<std::vector<std::size_t>> seen(2);
  const auto texts = generate(
      *model, prompts, options, [&](std::size_t prompt, std::span<const std::int32_t> ids) {
        seen[prompt].push_back(ids.size());
        CHECK(Ids(ids.begin(), ids.end()) ==
              Ids(whole[prompt].ids.begin(),
                  whole[prompt].ids.begin() + static_cast<std::ptrdiff_t>(ids.size())));
        return prompt == 1 && ids.size() == 4;
      });
  CHECK(seen[0].size() == 12);
  CHECK(seen[1] == std::vector<std::size_t>{1, 2, 3, 4});
  CHECK(texts[0].ids == whole[0].ids);
  CHECK(texts[0].ending == Ending::length);
  CHECK(texts[1].ids.size() == 4);
  CHECK(texts[1].ending == Ending::stopped);
  // An end-of-sequence id counts more, and beams stop too.
  options.eos = {whole[0].ids[2]};
  CHECK(generate(*model, {prompts.data(), 1}, options,
                 [](auto, auto ids) { return ids.size() == 3; })[0]
            .ending == Ending::eos);
  options.eos.clear();
  options.beams = 3;
  const auto beams =
      generate(*model, prompts, options, [](auto, auto ids) { return ids.size() == 5; });
  for (const Generated& text : beams) {
    CHECK(text.ids.size() == 5);
    CHECK(text.ending == Ending::stopped);
  }
}

TEST_CASE("Beam search ends as early as it may", "[generation]") {
  const std::vector<TokenSequence> prompts = {{{1}, {}}};
  GenerateOptions options;
  options.beams = 2;
  options.eos = {0};
  options.max_new_tokens = 50;
  const auto steps = [&](EarlyStopping early) {
    // Going on is likelier than ending, so a longer text is always better.
    SameLogits model({2, 3, -3});
    options.early_stopping = early;
    generate(model, prompts, options);
    return model.steps;
  };
  CHECK(steps(EarlyStopping::yes) == 2);
  CHECK(steps(EarlyStopping::no) == 50);
}

TEST_CASE("Texts end where options, model and prompt say", "[generation]") {
  const auto model = golden_model("gpt2");  // 16 positions
  const auto prompts = random_sequences({3, 14, 15, 9}, model->config(), 4, false);
  GenerateOptions options;
  options.max_new_tokens = 4;
  const auto lengths = [&] {
    std::vector<std::size_t> found;
    for (const Generated& text : generate(*model, prompts, options)) {
      found.push_back(text.ids.size());
      CHECK(text.ending == Ending::length);
    }
    return found;
  };
  CHECK(lengths() == std::vector<std::size_t>{4, 2, 1, 4});
  options.max_length = 12;
  CHECK(lengths() == std::vector<std::size_t>{4, 0, 0, 3});
  options.beams = 2;
  CHECK(lengths() == std::vector<std::size_t>{4, 0, 0, 3});
  CHECK(generate(*model, {}, options).empty());
}

TEST_CASE("What can't be generated is one sentence", "[generation]") {
  const auto model = golden_model("gpt2");
  const std::vector<TokenSequence> prompts = {{{1, 2, 3}, {}}};
  const auto complaint = [&](auto&& change) {
    GenerateOptions options;
    change(options);
    return error_of([&] { generate(*model, prompts, options); });
  };
  using Options = GenerateOptions;
  CHECK(contains(complaint([](Options& o) { o.max_new_tokens = 0; }), "--max-new-tokens"));
  CHECK(contains(complaint([](Options& o) { o.min_new_tokens = -1; }), "--min-new-tokens"));
  CHECK(contains(complaint([](Options& o) { o.min_new_tokens = 200; }), "more than"));
  CHECK(contains(complaint([](Options& o) { o.max_length = -3; }), "max_length"));
  CHECK(contains(complaint([](Options& o) { o.min_length = -3; }), "min_length"));
  CHECK(contains(complaint([](Options& o) { o.temperature = 0; }), "--temperature"));
  CHECK(contains(complaint([](Options& o) { o.temperature = NAN; }), "--temperature"));
  CHECK(contains(complaint([](Options& o) { o.top_k = -1; }), "--top-k"));
  CHECK(contains(complaint([](Options& o) { o.top_p = 1.5; }), "--top-p"));
  CHECK(contains(complaint([](Options& o) { o.top_p = NAN; }), "--top-p"));
  CHECK(contains(complaint([](Options& o) { o.min_p = -0.1; }), "--min-p"));
  CHECK(contains(complaint([](Options& o) { o.repetition_penalty = 0; }), "--repetition-penalty"));
  CHECK(contains(complaint([](Options& o) { o.no_repeat_ngram_size = -1; }), "--no-repeat"));
  CHECK(contains(complaint([](Options& o) { o.beams = 0; }), "--beams"));
  CHECK(contains(complaint([](Options& o) { o.beams = 5000; }), "--beams"));
  CHECK(contains(complaint([](Options& o) { o.length_penalty = NAN; }), "--length-penalty"));
  CHECK(contains(complaint([](Options& o) { o.sample = true, o.beams = 2; }), "--sample"));
  CHECK(
      contains(complaint([](Options& o) { o.eos = {43}; }), "id 43 is outside of the model's 43"));
  CHECK(contains(error_of([&] { generate(*model, {{TokenSequence{{50}, {}}}}, {}); }), "id 50"));
  CHECK(contains(error_of([&] { generate(*model, {{TokenSequence{}}}, {}); }), "no tokens"));
  CHECK(contains(error_of([&] {
                   generate(*model, {{TokenSequence{Ids(16, 1), {}}}}, {});
                 }),
                 "16 tokens and the model 16 positions"));
  for (const float bad : {NAN, HUGE_VALF, -HUGE_VALF}) {
    SameLogits broken({1, bad, 2});
    CHECK(contains(error_of([&] { generate(broken, prompts, {}); }), "aren't finite"));
  }
  // Everything is forbidden.
  SameLogits few({1, 2, 3, 4});
  GenerateOptions strict;
  strict.sample = true;
  strict.no_repeat_ngram_size = 1;
  CHECK(contains(error_of([&] { generate(few, prompts, strict); }), "no token"));
  strict = {};
  strict.beams = 2;
  strict.eos = {0, 1, 2, 3};
  CHECK(contains(error_of([&] { generate(few, prompts, strict); }), "too few for beam search"));
  ModelConfig config = tiny_config("bert");
  const auto classifier = make_model(config);
  CHECK(contains(error_of([&] { generate(*classifier, prompts, {}); }),
                 "expected a causal language model, found a model for sequence-classification"));
  CHECK(contains(error_of([&] { TargetDecoding decoding(*model); }),
                 "expected an encoder-decoder that writes, found a model for causal-lm"));
}
