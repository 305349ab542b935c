// Recipes as files: every field there and back, and what a file that isn't one is told.
#include "distill/recipe.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

Recipe parse(const std::string& text) {
  return Recipe::parse(Json::parse(text, "r.json"), "r.json");
}

// No field at its default.
Recipe unusual() {
  Recipe recipe;
  recipe.command = "distill";
  recipe.teacher = "t";
  recipe.student = "s";
  recipe.model = "m";
  recipe.data = "d";
  recipe.dev = "v";
  recipe.out = "o";
  recipe.rename = {"encoder=bert", "module="};
  recipe.student_layers = {1, 3, 5};
  recipe.student_type = "same";
  recipe.student_head = "fresh";
  recipe.problem = "multi-label";
  recipe.labels = {"x", "y"};
  recipe.head = {{256, 64}, "relu", "mean", 0.25};
  recipe.table.label_columns = {"e", "f"};
  recipe.table.format = "csv";
  recipe.table.text_column = "a";
  recipe.table.pair_column = "b";
  recipe.table.label_column = "c";
  recipe.table.rows = "3:9";
  recipe.table.limit = 0;
  recipe.max_length = 77;
  recipe.pair_style = "joined";
  recipe.objective = Objective::distillation(0.25, 1.5);
  recipe.lr = 3.0000000000000004e-5;
  recipe.schedule = "constant";
  recipe.warmup = 0.3;
  recipe.weight_decay = 0.125;
  recipe.decay_all = true;
  recipe.clip = 0;
  recipe.batch_size = 7;
  recipe.micro_batch_size = 2;
  recipe.epochs = 9;
  recipe.seed = 18446744073709551615u;
  recipe.dropout = 0.5;
  recipe.checkpoint_every = 0;
  recipe.threads = 5;
  return recipe;
}

}  // namespace

TEST_CASE("A recipe is written and read back whole", "[recipe]") {
  const Recipe recipe = unusual();
  const Json json = recipe.to_json();
  const Recipe back = parse(json.dump(2));
  CHECK(back.to_json() == json);
  CHECK(back.difference(recipe).empty());
  CHECK(back.seed == recipe.seed);
  CHECK(back.lr == recipe.lr);
  CHECK(back.table.limit == 0);
  CHECK(back.objective == recipe.objective);
  CHECK(back.student_layers == recipe.student_layers);
  CHECK(back.rename == recipe.rename);
  CHECK(back.problem == recipe.problem);
  CHECK(back.labels == recipe.labels);
  CHECK(back.head.layers == recipe.head.layers);
  CHECK(back.head.activation == "relu");
  CHECK(back.head.pooling == "mean");
  CHECK(back.head.dropout == 0.25);
  CHECK(back.table.label_columns == recipe.table.label_columns);
  CHECK(parse(Recipe().to_json().dump()).to_json() == Recipe().to_json());
}

TEST_CASE("Every key of a recipe that changes results shows as a difference", "[recipe]") {
  const Recipe plain, other = unusual();
  const Json a = plain.to_json(), b = other.to_json();
  std::size_t tried = 0;
  for (const auto& [key, value] : b.as_object("recipe")) {
    INFO(key);
    Json changed = a;
    changed[key] = value;
    const std::string difference = plain.difference(Recipe::parse(changed, "r.json"));
    const bool path = key == "teacher" || key == "student" || key == "model" || key == "data" ||
                      key == "dev" || key == "out";
    if (path || key == "threads" || key == "checkpoint_every") CHECK(difference.empty());
    else CHECK(difference.starts_with(key + " was "));
    ++tried;
  }
  CHECK(tried == 40);
}

TEST_CASE("What isn't a recipe is an error that names file and key", "[recipe]") {
  CHECK(contains(error_of([] { parse(R"({"learning_rate": 1})"); }), "r.json: 'learning_rate'"));
  CHECK(contains(error_of([] { parse(R"({"epochs": "three"})"); }), "r.json: epochs"));
  CHECK(contains(error_of([] { parse(R"({"epochs": 1.5})"); }), "r.json: epochs"));
  CHECK(contains(error_of([] { parse(R"({"student_layers": 3})"); }), "r.json: student_layers"));
  CHECK(contains(error_of([] { parse(R"({"student_layers": [5000000000]})"); }), "out of range"));
  CHECK(contains(error_of([] { parse(R"({"decay_all": 1})"); }), "r.json: decay_all"));
  CHECK(contains(error_of([] { parse(R"([1])"); }), "r.json"));
  CHECK(contains(error_of([] { parse(R"({"objective": [{"match": "dreams"}]})"); }), "dreams"));
  CHECK(contains(error_of([] { parse(R"({"objective": [{"match": "labels", "weigth": 1}]})"); }),
                 "weigth"));
  CHECK(contains(error_of([] { parse(R"({"objective": [{"match": "labels", "weight": -1}]})"); }),
                 "weight"));
  CHECK(contains(error_of([] { parse(R"({"objective": []})"); }), "at least one term"));
  CHECK(
      contains(error_of([] { parse(R"({"objective": [{"match": "logits", "temperature": 0}]})"); }),
               "temperature"));
}

TEST_CASE("Values out of range are errors that name the flag", "[recipe]") {
  const auto message = [](auto change) {
    Recipe recipe;
    change(recipe);
    return error_of([&] { recipe.check_values(); });
  };
  CHECK(contains(message([](Recipe& r) { r.lr = 0; }), "--lr"));
  CHECK(contains(message([](Recipe& r) { r.lr = -1; }), "--lr"));
  CHECK(contains(message([](Recipe& r) { r.lr = std::nan(""); }), "--lr"));
  CHECK(contains(message([](Recipe& r) { r.lr = HUGE_VAL; }), "--lr"));
  CHECK(contains(message([](Recipe& r) { r.warmup = 1.5; }), "--warmup"));
  CHECK(contains(message([](Recipe& r) { r.warmup = std::nan(""); }), "--warmup"));
  CHECK(contains(message([](Recipe& r) { r.weight_decay = -0.1; }), "--weight-decay"));
  CHECK(contains(message([](Recipe& r) { r.clip = -1; }), "--clip"));
  CHECK(contains(message([](Recipe& r) { r.batch_size = 0; }), "--batch-size"));
  CHECK(contains(message([](Recipe& r) { r.micro_batch_size = -1; }), "--micro-batch-size"));
  CHECK(contains(message([](Recipe& r) { r.epochs = 0; }), "--epochs"));
  CHECK(contains(message([](Recipe& r) { r.checkpoint_every = -1; }), "--checkpoint-every"));
  CHECK(contains(message([](Recipe& r) { r.dropout = 1; }), "--dropout"));
  CHECK(contains(message([](Recipe& r) { r.schedule = "cosine"; }), "--schedule"));
  CHECK(contains(message([](Recipe& r) { r.student_head = "old"; }), "--student-head"));
  CHECK(contains(message([](Recipe& r) { r.student_type = "gpt"; }), "--student-type"));
  CHECK(contains(message([](Recipe& r) { r.pair_style = "stacked"; }), "--pair-style"));
  CHECK(contains(message([](Recipe& r) { r.problem = "ranking"; }), "--problem"));
  CHECK(contains(message([](Recipe& r) {
                   r.table.label_column = "a";
                   r.table.label_columns = {"b", "c"};
                 }),
                 "--label-columns"));
  CHECK(contains(message([](Recipe& r) { r.table.rows = "9:3"; }), "9:3"));
  CHECK(contains(error_of([] { Objective::distillation(1.1, 3); }), "--alpha"));
  CHECK(contains(error_of([] { Objective::distillation(std::nan(""), 3); }), "--alpha"));
  CHECK(contains(error_of([] { Objective::distillation(0.5, 0); }), "--temperature"));
  Recipe().check_values();
}

TEST_CASE("The notebook's preset is a constant rate without clipping and plain AdamW", "[recipe]") {
  Recipe recipe;
  recipe.apply_notebook_preset();
  CHECK(recipe.schedule == "constant");
  CHECK(recipe.warmup == 0);
  CHECK(recipe.clip == 0);
  CHECK(recipe.weight_decay == 0.01);
  CHECK(recipe.decay_all);
}
