// The cache of keys and values changes no bit, whatever becomes of its sequences.
#include <algorithm>
#include <numeric>

#include "nn/cache.h"
#include "tests/app/generation_testing.h"

using namespace retort;
using namespace retort::testing;

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
