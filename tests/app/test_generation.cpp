// Generation over ids: greedy and beam search write what transformers writes
// (tests/golden/architectures/generation.py), and texts end where they should.
#include <algorithm>

#include "nn/generate.h"
#include "tests/app/generation_testing.h"

using namespace retort;
using namespace retort::testing;

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
