// Draws follow the distribution that transformers' filters leave, and none depends on the batch.
#include <algorithm>
#include <numeric>

#include "nn/logit_rules.h"
#include "nn/sampling.h"
#include "tensor/base/parallel.h"
#include "tests/app/generation_testing.h"

using namespace retort;
using namespace retort::testing;

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
