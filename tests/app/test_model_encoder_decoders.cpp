// Encoder-decoders at work: what they are given and asked for, and students of theirs. That they
// compute what transformers does, test_model_architectures.cpp checks.
#include "nn/cut_student.h"
#include "tests/app/t5_testing.h"

using namespace retort;
using namespace retort::testing;

TEST_CASE("Decoders read what they are given, classifiers their text", "[model][t5]") {
  CHECK(shifted_right(std::vector<std::int32_t>{7, 8, 1}, 3) == std::vector<std::int32_t>{3, 7, 8});
  CHECK(shifted_right({}, 3).empty());

  const auto writer = tiny_t5_model();
  const Batch batch = batch_of(texts(), *writer);
  REQUIRE(batch.target != nullptr);
  CHECK(numbers(batch.target->ids) == std::vector<double>{0, 8, 3, 0, 28, 5, 11, 2, 6, 13, 0});
  CHECK(batch.cross.rows == 11);
  CHECK(batch.cross.key_rows == 11);
  CHECK(numbers(batch.cross.key_length) == std::vector<double>{6, 1, 4});
  CHECK(writer->forward(batch, {}, {}).logits.shape() == Shape{11, 29});

  const auto classifier =
      tiny_t5_model(Task::sequence_classification, R"("decoder_start_token_id":2)");
  const Batch shifted = batch_of(texts_for(*classifier), *classifier);
  REQUIRE(shifted.target != nullptr);
  CHECK(numbers(shifted.target->ids) == std::vector<double>{2, 4, 9, 1, 17, 1, 2, 2, 12, 3, 3});
  CHECK(classifier->forward(shifted, {}, {}).logits.shape() == Shape{3, 2});
  // Their head looks at the last end of each text.
  const Variable numbered(
      Tensor::from(std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}).reshape({11, 1}));
  CHECK(numbers(Head(Pooling::mark, 1)(numbered, shifted, {})) == std::vector<double>{4, 6, 10});
  CHECK(contains(error_of([&] { logits_of(*classifier, {{{4, 9}, {}}}); }), "no token 1"));

  const auto message = [&](const Model& model, const TokenSequence& sequence) {
    return error_of([&] { batch_of({sequence}, model); });
  };
  CHECK(contains(message(*writer, {{4}, {}}), "no target ids"));
  CHECK(contains(message(*writer, {{4}, {}, {0, 29}}), "target id 29"));
  CHECK(contains(message(*writer, {{4}, {}, {-1}}), "target id -1"));
  CHECK(contains(message(*writer, {{}, {}, {0}}), "no tokens"));
  for (const Task task :
       {Task::sequence_classification, Task::token_classification, Task::embedding})
    CHECK(contains(message(*tiny_t5_model(task), {{4}, {}, {0, 3}}), "2 target ids"));
  BatchLimits limits = writer->limits();
  limits.positions = 3;
  const TokenSequence longer{{4}, {}, {0, 1, 2, 3}};
  const TokenSequence* const only = &longer;
  CHECK(contains(error_of([&] { make_batch({&only, 1}, limits); }), "4 targets"));
  limits.targets = Targets::none;
  const TokenSequence bare{{4}, {}};
  const TokenSequence* const without = &bare;
  CHECK(contains(error_of([&] {
                   writer->forward(make_batch({&without, 1}, limits), {}, {});
                 }),
                 "t5: the batch has no targets"));
}

TEST_CASE("What a decoder says depends on its own text and on what it has read", "[model][t5]") {
  const auto model = tiny_t5_model();
  const auto all = logits_of(*model, texts());
  std::vector<double> one_by_one;
  for (const TokenSequence& text : texts())
    for (const double number : logits_of(*model, {text})) one_by_one.push_back(number);
  CHECK(all == one_by_one);
  // The first tokens say what they said before the others were there.
  TokenSequence text = texts()[1];
  const auto whole = logits_of(*model, {text});
  text.target_ids.resize(3);
  CHECK(largest(differences(logits_of(*model, {text}), {whole.begin(), whole.begin() + 3 * 29})) <
        1e-5);
}

TEST_CASE("A pass over an encoder-decoder computes what is wanted of each stack", "[model][t5]") {
  const auto model = tiny_t5_model();
  const Batch batch = batch_of(texts(), *model);
  Want all;
  all.hidden = {0, 1, 2};
  all.encoder.hidden = {0, 1, 2, 3};
  all.cross.attention = all.cross.key = {1, 2};
  const Output whole = model->forward(batch, all, {});
  CHECK(whole.cross.key.at(1).shape() == Shape{11, 15});
  CHECK(whole.cross.attention.at(2).shape().count() == 3 * (3 * 6 + 7 * 1 + 1 * 4));
  // The encoder alone, and no deeper than it must.
  Want some;
  some.logits = false;
  some.encoder.hidden = {1};
  const Output encoder = model->forward(batch, some, {});
  CHECK_FALSE(encoder.logits.defined());
  CHECK(encoder.hidden.empty());
  CHECK(numbers(encoder.encoder.hidden.at(1)) == numbers(whole.encoder.hidden.at(1)));
  // The decoder as deep as its attention to the encoder.
  some = {};
  some.logits = false;
  some.cross.attention = {1};
  const Output cross = model->forward(batch, some, {});
  CHECK(numbers(cross.cross.attention.at(1)) == numbers(whole.cross.attention.at(1)));
  some.hidden = {0};
  CHECK(numbers(model->forward(batch, some, {}).hidden.at(0)) == numbers(whole.hidden.at(0)));

  const auto message = [&](const Model& asked, const Want& want) {
    return error_of([&] { asked.forward(batch_of(texts_for(asked), asked), want, {}); });
  };
  Want wrong;
  wrong.encoder.hidden = {4};
  CHECK(contains(message(*model, wrong), "layer 4 was asked for; there are layers 0 to 3"));
  wrong = {};
  wrong.cross.scores = {3};
  CHECK(contains(message(*model, wrong), "layers 1 to 2"));
  wrong = {};
  wrong.cross.hidden = {1};
  CHECK(contains(message(*model, wrong), "no hidden states"));
  wrong = {};
  wrong.encoder.key = {1};
  CHECK(contains(message(*tiny_t5_model(Task::embedding), wrong), "one stack of layers"));
}

TEST_CASE("A decoder's dropout draws from its own rows", "[model][t5]") {
  auto model = tiny_t5_model();
  model->config().set_dropout(0.3);
  const auto dropping = make_model(model->config());
  randomise(*dropping, 5);
  Context context{.training = true, .seed = 3, .step = 1};
  const std::vector<TokenSequence> sequences = texts();
  const auto whole = numbers(dropping->forward(batch_of(sequences, *dropping), {}, context).logits);
  CHECK(whole != logits_of(*dropping, sequences));
  context.first_token = 6;
  context.first_target = 3;
  context.first_sequence = 1;
  const auto rest = numbers(
      dropping->forward(batch_of({sequences[1], sequences[2]}, *dropping), {}, context).logits);
  CHECK(rest == std::vector<double>(whole.begin() + 3 * 29, whole.end()));
}

TEST_CASE("A student of an encoder-decoder has layers of both stacks", "[model][t5][cut]") {
  ModelConfig config = tiny_t5();
  config.decoder_layers = 4;
  const auto teacher = make_model(config);
  randomise(*teacher, 8);
  const auto cut =
      cut_student(*teacher, {.layers = {2, 3}, .decoder_layers = {2, 3, 4}, .type = "same"});
  const Model& student = *cut.model;
  CHECK(student.config().layers == 2);
  CHECK(student.config().decoder_layers == 3);
  const auto same = [&](const std::string& ours, const std::string& theirs) {
    INFO(ours << " and " << theirs);
    CHECK(same_bits(value(student, ours), value(*teacher, theirs)));
  };
  const std::string query = ".layer.0.SelfAttention.q.weight",
                    cross = ".layer.1.EncDecAttention.v.weight";
  same("encoder.block.0" + query, "encoder.block.1" + query);
  same("encoder.block.1" + query, "encoder.block.2" + query);
  same("decoder.block.0" + cross, "decoder.block.1" + cross);
  same("decoder.block.2" + cross, "decoder.block.3" + cross);
  same("shared.weight", "shared.weight");
  // The tables of distances belong to the stacks.
  for (const std::string stack : {"encoder", "decoder"})
    same(stack + ".block.0.layer.0." + kTable, stack + ".block.0.layer.0." + kTable);
  CHECK(logits_of(student, texts()).size() == 11 * 29);
  // The decoder's are the encoder's unless they are given.
  const auto alike = cut_student(*teacher, {.layers = {1, 3}, .type = "same"});
  CHECK(alike.model->config().decoder_layers == 2);
  CHECK(same_bits(value(*alike.model, "decoder.block.1" + cross),
                  value(*teacher, "decoder.block.2" + cross)));

  const auto message = [&](const Model& from, std::vector<int> layers, std::vector<int> decoder) {
    return error_of(
        [&] { cut_student(from, {.layers = layers, .decoder_layers = decoder, .type = "same"}); });
  };
  CHECK(contains(message(*teacher, {1}, {5}), "decoder has layers 1 to 4"));
  CHECK(contains(message(*teacher, {1}, {2, 1}), "ascending"));
  CHECK(contains(message(*tiny_t5_model(), {3}, {}), "decoder has layers 1 to 2"));
  CHECK(contains(message(*tiny_t5_model(Task::embedding), {1}, {1}), "no decoder"));
}
