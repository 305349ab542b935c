// Students with fewer hidden columns, heads, feed-forward units and words than their teacher: which
// ones they keep, what is made anew, and what can't be.
#include <algorithm>
#include <numeric>

#include "nn/cut_student.h"
#include "nn/weights/load.h"
#include "tensor/ops.h"
#include "tests/app/architecture_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

using Numbers = std::vector<double>;
using Places = std::vector<std::size_t>;

std::unique_ptr<Model> teacher_model(const std::string& type, std::int64_t layers) {
  auto model = make_model(tiny_config(type, layers, {"no", "yes"}));
  randomise(*model, 5);
  return model;
}

const Tensor& value(const Model& model, const std::string& name) {
  INFO(name);
  const Parameter* parameter = model.parameters().find(name);
  REQUIRE(parameter != nullptr);
  return parameter->variable.value();
}

// Adds every row's (dim 0) or column's (dim 1) squares to `sums`.
void add_squares(Numbers& sums, const Tensor& matrix, int dim) {
  const Numbers all = numbers(matrix);
  const auto columns = static_cast<std::size_t>(matrix.size(1));
  sums.resize(static_cast<std::size_t>(matrix.size(dim)));
  for (std::size_t i = 0; i < all.size(); ++i)
    sums[dim == 0 ? i / columns : i % columns] += all[i] * all[i];
}

// Where the `count` largest are, ascending.
Places largest_of(const Numbers& sums, std::size_t count) {
  Places order(sums.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return sums[a] > sums[b]; });
  order.resize(count);
  std::sort(order.begin(), order.end());
  return order;
}

Tensor picked(const Tensor& tensor, int dim, const Places& places) {
  std::vector<std::int32_t> rows(places.begin(), places.end());
  return ops::index_select(tensor, dim, Tensor::from(rows));
}

// Each of `places` as `width` of them side by side.
Places widened(const Places& places, std::size_t width) {
  Places all;
  for (const std::size_t place : places)
    for (std::size_t i = 0; i < width; ++i) all.push_back(place * width + i);
  return all;
}

Numbers logits_of(const Model& model, const std::vector<TokenSequence>& sequences) {
  return numbers(model.forward(batch_of(sequences, model), {}, {}).logits);
}

bool mentions(const std::vector<std::string>& notes, const std::string& part) {
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(part) != note.npos; });
}

}  // namespace

TEST_CASE("A sliced BERT keeps exactly the units of largest norm", "[model][cut]") {
  const auto teacher = teacher_model("bert", 3);
  const auto cut = cut_student(
      *teacher, {.layers = {1, 3}, .type = "same", .hidden = 8, .heads = 2, .feed_forward = 7});
  const Model& student = *cut.model;
  const std::string layers[] = {"bert.encoder.layer.0.", "bert.encoder.layer.2."};
  Numbers stream;
  for (const char* table : {"word_embeddings", "position_embeddings", "token_type_embeddings"})
    add_squares(stream, value(*teacher, "bert.embeddings." + std::string(table) + ".weight"), 1);
  add_squares(stream, value(*teacher, "bert.pooler.dense.weight"), 1);
  for (const std::string& layer : layers) {
    for (const char* reads : {"attention.self.query", "attention.self.key", "attention.self.value",
                              "intermediate.dense"})
      add_squares(stream, value(*teacher, layer + reads + ".weight"), 1);
    for (const char* writes : {"attention.output.dense", "output.dense"})
      add_squares(stream, value(*teacher, layer + writes + ".weight"), 0);
  }
  const Places kept = largest_of(stream, 8);
  CHECK(kept != Places{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(same_bits(value(student, "bert.embeddings.word_embeddings.weight"),
                  picked(value(*teacher, "bert.embeddings.word_embeddings.weight"), 1, kept)));
  CHECK(same_bits(value(student, "bert.embeddings.LayerNorm.bias"),
                  picked(value(*teacher, "bert.embeddings.LayerNorm.bias"), 0, kept)));

  Numbers pooled;
  add_squares(pooled, value(*teacher, "bert.pooler.dense.weight"), 0);
  add_squares(pooled, value(*teacher, "classifier.weight"), 1);
  CHECK(same_bits(value(student, "classifier.weight"),
                  picked(value(*teacher, "classifier.weight"), 1, largest_of(pooled, 8))));
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string &from = layers[i], to = "bert.encoder.layer." + std::to_string(i) + ".";
    INFO(from);
    Numbers units, columns;
    add_squares(units, value(*teacher, from + "intermediate.dense.weight"), 0);
    add_squares(units, value(*teacher, from + "output.dense.weight"), 1);
    const Places kept_units = largest_of(units, 7);
    CHECK(same_bits(value(student, to + "intermediate.dense.bias"),
                    picked(value(*teacher, from + "intermediate.dense.bias"), 0, kept_units)));
    CHECK(same_bits(
        value(student, to + "output.dense.weight"),
        picked(picked(value(*teacher, from + "output.dense.weight"), 1, kept_units), 0, kept)));
    for (const char* part : {"query", "key", "value"})
      add_squares(columns, value(*teacher, from + "attention.self." + part + ".weight"), 0);
    add_squares(columns, value(*teacher, from + "attention.output.dense.weight"), 1);
    Numbers heads(3);
    for (std::size_t c = 0; c < columns.size(); ++c) heads[c / 4] += columns[c];
    const Places kept_heads = widened(largest_of(heads, 2), 4);
    for (const char* part : {"query", "key", "value"}) {
      const std::string name = "attention.self." + std::string(part) + ".weight";
      CHECK(same_bits(value(student, to + name),
                      picked(picked(value(*teacher, from + name), 0, kept_heads), 1, kept)));
    }
    CHECK(same_bits(
        value(student, to + "attention.output.dense.weight"),
        picked(picked(value(*teacher, from + "attention.output.dense.weight"), 1, kept_heads), 0,
               kept)));
  }
}

TEST_CASE("Grouped heads are kept with those that share their keys", "[model][cut]") {
  const Golden golden("architectures/llama");
  const LoadedModel loaded = load_model(golden.path());
  const Model& teacher = *loaded.model;  // 4 heads of 10 columns, 2 of keys
  const auto cut = cut_student(teacher, {.layers = {1, 2}, .type = "same", .heads = 2});
  CHECK(cut.model->config().heads == 2);
  CHECK(cut.model->config().key_heads() == 1);
  for (const std::string layer : {"model.layers.0.self_attn.", "model.layers.1.self_attn."}) {
    INFO(layer);
    Numbers queries, keys, groups(2);
    add_squares(queries, value(teacher, layer + "q_proj.weight"), 0);
    add_squares(queries, value(teacher, layer + "o_proj.weight"), 1);
    add_squares(keys, value(teacher, layer + "k_proj.weight"), 0);
    add_squares(keys, value(teacher, layer + "v_proj.weight"), 0);
    for (std::size_t c = 0; c < queries.size(); ++c) groups[c / 20] += queries[c];
    for (std::size_t c = 0; c < keys.size(); ++c) groups[c / 10] += keys[c];
    const Places group = largest_of(groups, 1);
    CHECK(same_bits(value(*cut.model, layer + "q_proj.weight"),
                    picked(value(teacher, layer + "q_proj.weight"), 0, widened(group, 20))));
    CHECK(same_bits(value(*cut.model, layer + "v_proj.weight"),
                    picked(value(teacher, layer + "v_proj.weight"), 0, widened(group, 10))));
    CHECK(same_bits(value(*cut.model, layer + "o_proj.weight"),
                    picked(value(teacher, layer + "o_proj.weight"), 1, widened(group, 20))));
  }
  CHECK(
      contains(error_of([&] { cut_student(teacher, {.layers = {1}, .type = "same", .heads = 3}); }),
               "multiple of 2"));
  // They have a size of their own, but transformers wants their number to divide the hidden size.
  CHECK(contains(
      error_of([&] { cut_student(teacher, {.layers = {1}, .type = "same", .hidden = 10}); }),
      "multiple of its 4 heads"));
}

TEST_CASE("What has another size is made anew when that is asked for", "[model][cut]") {
  const auto teacher = teacher_model("bert", 2);
  const auto made = [&](std::uint64_t seed) {
    return cut_student(*teacher, {.layers = {1, 2},
                                  .type = "same",
                                  .seed = seed,
                                  .feed_forward = 33,
                                  .init = CutInit::fresh});
  };
  const auto one = made(1), again = made(1), other = made(2);
  CHECK(one.fresh_body);
  CHECK(mentions(one.notes, "made anew from seed 1"));
  const std::string wide = "bert.encoder.layer.0.intermediate.dense.weight",
                    kept = "bert.encoder.layer.0.attention.self.query.weight";
  CHECK(value(*one.model, wide).shape() == Shape{33, 12});
  CHECK(same_bits(value(*one.model, wide), value(*again.model, wide)));
  CHECK_FALSE(same_bits(value(*one.model, wide), value(*other.model, wide)));
  CHECK(same_bits(value(*one.model, kept), value(*teacher, kept)));
  // Heads of another size have nothing of the teacher's, though the matrices are as large.
  const auto heads =
      cut_student(*teacher, {.layers = {1, 2}, .type = "same", .heads = 2, .init = CutInit::fresh});
  CHECK(heads.model->config().head_size() == 6);
  CHECK_FALSE(same_bits(value(*heads.model, kept), value(*teacher, kept)));
  CHECK(same_bits(value(*heads.model, "bert.encoder.layer.0.output.dense.weight"),
                  value(*teacher, "bert.encoder.layer.0.output.dense.weight")));
  const auto sequences = random_sequences({5, 2}, teacher->config(), 1);
  for (const CutStudent* student : {&one, &heads})
    CHECK(std::isfinite(largest(logits_of(*student->model, sequences))));
}

TEST_CASE("Sizes that no student can have are errors that say why", "[model][cut]") {
  const auto teacher = teacher_model("bert", 2);
  const auto message = [&](CutOptions options) {
    options.layers = {1, 2};
    options.type = "same";
    return error_of([&] { cut_student(*teacher, options); });
  };
  CHECK(contains(message({.hidden = 16}), "--init fresh"));
  CHECK(contains(message({.heads = 4}), "3 of the teacher"));
  CHECK(contains(message({.feed_forward = 21}), "20 of the teacher"));
  CHECK(contains(message({.hidden = 0}), "--hidden"));
  CHECK(contains(message({.feed_forward = -1}), "--ffn"));
  CHECK(contains(message({.heads = 0}), "--heads"));
  // Heads of 4 columns fill the hidden size.
  CHECK(contains(message({.hidden = 10}), "heads of 4 columns"));
  CHECK(contains(message({.heads = 2}), "--hidden 8"));
  CHECK(contains(message({.hidden = 3}), "heads of 4 columns"));
  CHECK(contains(message({.hidden = 10, .init = CutInit::fresh}), "10"));
  CHECK(contains(message({.hidden = 1 << 20, .init = CutInit::fresh}), "hidden_size"));
  CHECK(contains(message({.vocabulary = {0, 53}}), "53"));
  CHECK(contains(message({.vocabulary = {2, 1}}), "ascending"));

  const Golden electra("architectures/electra");
  const LoadedModel narrow = load_model(electra.path());  // embeddings of 8 columns
  CHECK(contains(
      error_of([&] { cut_student(*narrow.model, {.layers = {1}, .type = "same", .hidden = 8}); }),
      "projection"));
  const Golden roberta("architectures/roberta");
  const LoadedModel behind_pad = load_model(roberta.path());
  REQUIRE(behind_pad.model->config().first_position > 1);
  CHECK(contains(error_of([&] {
                   cut_student(*behind_pad.model, {.layers = {1},
                                                   .type = "same",
                                                   .vocabulary = {static_cast<std::int32_t>(
                                                       *behind_pad.model->config().pad_token_id)}});
                 }),
                 "padding token"));
}

TEST_CASE("Without some words the others give what they gave", "[model][golden][cut]") {
  for (const std::string& name : golden_names()) {
    const Golden golden(name);
    for (const Task task : tasks_of(golden)) {
      INFO(name << ", " << retort::name(task));
      const LoadedModel loaded = load_for(golden, task);
      const Model& teacher = *loaded.model;
      // The words that occur, and those up to the padding, which positions may count from.
      auto sequences = sequences_for(teacher, golden);
      std::vector<bool> used(static_cast<std::size_t>(teacher.config().vocab_size));
      if (teacher.config().has_decoder())
        used[static_cast<std::size_t>(teacher.config().decoder_start_token_id)] = true;
      for (const TokenSequence& sequence : sequences)
        for (const auto* ids : {&sequence.ids, &sequence.target_ids})
          for (const std::int32_t id : *ids) used[static_cast<std::size_t>(id)] = true;
      const std::int64_t pad = teacher.config().pad_token_id.value_or(-1);
      for (std::int64_t id = 0; id <= pad && teacher.config().first_position > 0; ++id)
        used[static_cast<std::size_t>(id)] = true;
      std::vector<std::int32_t> kept, new_ids(used.size());
      for (std::size_t id = 0; id < used.size(); ++id) {
        new_ids[id] = static_cast<std::int32_t>(kept.size());
        if (used[id]) kept.push_back(static_cast<std::int32_t>(id));
      }
      REQUIRE(kept.size() < used.size());
      const auto cut = cut_student(teacher, {.layers = all_layers(teacher.config().layers),
                                             .decoder_layers = decoder_layers_of(teacher),
                                             .type = "same",
                                             .vocabulary = kept});
      CHECK(cut.model->config().vocab_size == static_cast<std::int64_t>(kept.size()));
      Numbers expected = logits_of(teacher, sequences);
      if (task == Task::masked_lm || task == Task::causal_lm ||
          task == Task::seq2seq_lm) {  // one column for each word
        Numbers columns;
        for (std::size_t row = 0; row < expected.size(); row += used.size())
          for (const std::int32_t id : kept)
            columns.push_back(expected[row + static_cast<std::size_t>(id)]);
        expected = columns;
      }
      for (TokenSequence& sequence : sequences)
        for (auto* ids : {&sequence.ids, &sequence.target_ids})
          for (std::int32_t& id : *ids) id = new_ids[static_cast<std::size_t>(id)];
      CHECK(logits_of(*cut.model, sequences) == expected);
    }
  }
}

TEST_CASE("Ids of special tokens in config.json follow the words", "[model][cut]") {
  ModelConfig config = tiny_config("bert", 1);
  config.raw = Json::parse(
      R"({"model_type": "bert", "bos_token_id": 7, "eos_token_id": [9, 3], "sep_token_id": 4})",
      "config.json");
  config.pad_token_id = 3;
  auto teacher = make_model(config);
  randomise(*teacher, 3);
  const auto cut =
      cut_student(*teacher, {.layers = {1}, .type = "same", .vocabulary = {1, 3, 7, 9}});
  const Json written = cut.model->config().to_json();
  CHECK(written.get("bos_token_id", -1) == 2);
  CHECK(written.find("eos_token_id")->dump() == "[3, 1]");
  CHECK(written.find("sep_token_id")->is_null());
  CHECK(written.get("pad_token_id", -1) == 1);
  CHECK(written.get("vocab_size", -1) == 4);
}

TEST_CASE("BERTs of every task become DistilBERTs of fewer units", "[model][golden][cut]") {
  const Golden golden("architectures/bert");
  for (const Task task : tasks_of(golden)) {
    INFO(retort::name(task));
    ModelConfig config = ModelConfig::read(golden.path());
    config.task = task;
    config.norm_epsilon = 1e-12;  // as DistilBERT's
    const LoadedModel loaded = load_model(golden.path(), config);
    const auto cut = cut_student(*loaded.model, {.layers = {2}, .hidden = 8, .feed_forward = 9});
    CHECK(cut.model->config().model_type == "distilbert");
    CHECK(cut.model->config().hidden_size == 8);
    CHECK(mentions(cut.notes, "token-type row 0"));
    CHECK(mentions(cut.notes, "pre_classifier") == (task == Task::sequence_classification));
    const auto same =
        cut_student(*loaded.model, {.layers = {2}, .type = "same", .hidden = 8, .feed_forward = 9});
    auto sequences = golden.sequences("");
    for (TokenSequence& sequence : sequences)
      std::fill(sequence.type_ids.begin(), sequence.type_ids.end(), 0);
    if (task == Task::sequence_classification) continue;  // relu instead of tanh
    const auto expected = logits_of(*same.model, sequences);
    CHECK(largest(differences(logits_of(*cut.model, sequences), expected)) <=
          1e-4 * largest(expected));
  }
}

TEST_CASE("ALBERT's layers take the parameters of their groups along", "[model][golden][cut]") {
  const Golden golden("architectures/albert");  // 4 layers in 2 groups
  const LoadedModel loaded = load_model(golden.path());
  const std::string group = "albert.encoder.albert_layer_groups.",
                    ffn = ".albert_layers.0.ffn.weight";
  const auto second = cut_student(*loaded.model, {.layers = {3, 4}, .type = "same"});
  CHECK(
      same_bits(value(*second.model, group + "0" + ffn), value(*loaded.model, group + "1" + ffn)));
  CHECK(second.model->parameters().find(group + "1" + ffn) == nullptr);
  const auto both = cut_student(*loaded.model, {.layers = {2, 3}, .type = "same"});
  CHECK(same_bits(value(*both.model, group + "1" + ffn), value(*loaded.model, group + "1" + ffn)));
  CHECK(contains(error_of([&] {
                   cut_student(*loaded.model, {.layers = {1, 3, 4}, .type = "same"});
                 }),
                 "groups"));
}

TEST_CASE("A MobileBERT with fewer heads says how wide its layers are", "[model][golden][cut]") {
  const LoadedModel loaded = load_model(Golden("architectures/mobilebert").path());
  const auto cut = cut_student(*loaded.model, {.layers = {1}, .type = "same", .heads = 2});
  const Json written = cut.model->config().to_json();
  CHECK(written.get("intra_bottleneck_size", 0) == 8);
  CHECK(written.get("true_hidden_size", 0) == 8);  // a copy that transformers keeps and believes
}
