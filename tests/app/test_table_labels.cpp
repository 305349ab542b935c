// Label maps: from rows, from config.json, to ids.
#include "distill/data/labels.h"

#include "tests/app/data_files.h"

namespace retort {
namespace {

using testing::contains;
using testing::error_of;

Table table_of(std::initializer_list<const char*> labels, const std::string& path = "f.tsv") {
  Table table;
  table.path = path;
  table.label_column = "label";
  table.has_labels = true;
  std::int64_t line = 2;
  for (const char* label : labels) {
    Row row;
    if (label) row.label = label;
    row.line = line++;
    table.rows.push_back(row);
  }
  return table;
}

LabelMap map_of(std::initializer_list<const char*> labels, std::int64_t n = 0) {
  const Table table = table_of(labels);
  const Table* tables[] = {&table};
  return LabelMap::from_tables(tables, n);
}

using Names = std::vector<std::string>;

TEST_CASE("labels: integers are ids, strings are sorted", "[labels]") {
  CHECK(map_of({"1", "0", "1"}).names() == Names{"0", "1"});
  CHECK(map_of({"2", "10", "0", "1", "3", "4", "5", "6", "7", "8", "9"}).name(10) == "10");
  CHECK(map_of({"spam", "ham", "Zebra"}).names() == Names{"Zebra", "ham", "spam"});
  CHECK(map_of({"1", "01"}).names() == Names{"01", "1"});  // no usual spelling: strings
  CHECK(map_of({"1", "yes"}).names() == Names{"1", "yes"});
  CHECK(map_of({"2", "0"}, 4).names() == Names{"0", "1", "2", "3"});
  CHECK(map_of({"1"}, 2).size() == 2);

  CHECK(contains(error_of([] {
                   map_of({"1", "2", "1"});
                 }),
                 "f.tsv:3: has the label 2; integer labels"));
  CHECK(contains(error_of([] { map_of({"0", "-1"}); }), "f.tsv:3: has the label -1"));
  CHECK(contains(error_of([] { map_of({"0", "5"}, 5); }), "must be 0 to 4"));
  CHECK(contains(error_of([] { map_of({"a", "a"}); }), "at least two labels"));
  CHECK(contains(error_of([] { map_of({"a", "b", "c"}, 2); }), "3 different labels where 2"));
  CHECK(contains(error_of([] { map_of({"a", nullptr}); }), "f.tsv:3: has no label"));
  CHECK(contains(error_of([] { LabelMap::from_tables({}); }), "no rows"));

  const Table train = table_of({"b", "a"}), dev = table_of({"c"}, "dev.tsv");
  const Table* both[] = {&train, &dev};
  CHECK(LabelMap::from_tables(both).names() == Names{"a", "b", "c"});
}

TEST_CASE("labels: ids of a table's rows", "[labels]") {
  const LabelMap named(Names{"entailment", "neutral", "contradiction"});
  const Table words = table_of({"neutral", "contradiction", "entailment"});
  std::vector<std::string> warnings;
  CHECK(named.ids(words, &warnings) == std::vector<std::int64_t>{1, 2, 0});
  CHECK(warnings.empty());
  CHECK(named.ids(table_of({"2", "0"}), &warnings) == std::vector<std::int64_t>{2, 0});
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "f.tsv: has numbers as labels"));
  CHECK(contains(warnings[0], "0 = \"entailment\", 1 = \"neutral\""));

  // A name goes before a number.
  const LabelMap reversed(Names{"1", "0"});
  CHECK(reversed.ids(table_of({"0", "1"})) == std::vector<std::int64_t>{1, 0});

  warnings.clear();
  const LabelMap placeholders = LabelMap::placeholders(2);
  CHECK(placeholders.ids(table_of({"0", "LABEL_1", "1"}), &warnings) ==
        std::vector<std::int64_t>{0, 1, 1});
  CHECK(warnings.empty());  // LABEL_1 says no more than 1

  for (const char* wrong : {"3", "-1", "Neutral", "00", "1.0", " 1", "99999999999999999999"})
    CHECK(contains(
        error_of([&] {
          named.ids(table_of({"neutral", wrong}));
        }),
        "f.tsv:3: has the label \"" + std::string(wrong) + "\"; expected one of \"entailment\""));
  CHECK(contains(error_of([&] { named.ids(table_of({nullptr})); }), "f.tsv:2: has no label"));
  CHECK(contains(error_of([&] { named.ids(table_of({"two\nlines"})); }), "\"two\\nlines\""));
  CHECK(contains(error_of([&] { named.name(3); }), "from 0 to 2, found 3"));
}

TEST_CASE("labels: config.json", "[labels]") {
  const auto read = [](const char* config) {
    return LabelMap::from_config(Json::parse(config, "config.json"), "config.json");
  };
  CHECK(read(R"({"id2label": {"1": "dup", "0": "no"}, "label2id": {"no": 0, "dup": 1}})").names() ==
        Names{"no", "dup"});
  CHECK(read(R"({"id2label": {"0": "a", "1": "b"}, "num_labels": 7})").size() == 2);
  CHECK(read(R"({"label2id": {"b": 0, "a": 1}})").names() == Names{"b", "a"});
  CHECK(read(R"({"num_labels": 3})").names() == Names{"LABEL_0", "LABEL_1", "LABEL_2"});
  CHECK(read(R"({"id2label": {}})").names() == Names{"LABEL_0", "LABEL_1"});
  CHECK(read("{}").is_placeholder());
  CHECK_FALSE(read(R"({"id2label": {"0": "LABEL_0", "1": "yes"}})").is_placeholder());
  CHECK(read(R"({"id2label": {"0": 0, "1": 1}})").names() == Names{"0", "1"});

  CHECK(contains(error_of([&] { read(R"({"id2label": {"0": "a", "2": "b"}})"); }),
                 "config.json: id2label: expected the ids 0 to 1, found 2"));
  CHECK(contains(error_of([&] { read(R"({"id2label": {"0": "a", "x": "b"}})"); }), "found \"x\""));
  CHECK(contains(error_of([&] { read(R"({"id2label": {"0": "a", "1": "a"}})"); }),
                 "config.json: labels: the name \"a\" stands for two ids"));
  CHECK(contains(error_of([&] { read(R"({"id2label": {"0": []}})"); }), "config.json: id2label"));
  CHECK(contains(error_of([&] { read(R"({"id2label": ["a"]})"); }), "config.json: id2label"));
  CHECK(contains(error_of([&] { read(R"({"label2id": {"a": 0, "b": 0}})"); }), "the id 0 twice"));
  CHECK(contains(error_of([&] { read(R"({"num_labels": 0})"); }),
                 "config.json: labels: expected 1 to"));
  CHECK(contains(error_of([&] { read(R"({"num_labels": 1000000000000})"); }),
                 "config.json: labels:"));
  CHECK(contains(error_of([&] {
                   read(R"({"id2label": {"0": "a", "1": "b"}, "label2id": {"a": 1, "b": 0}})");
                 }),
                 "config.json: label 0 is \"a\" in id2label and \"b\" in label2id"));

  const LabelMap map(Names{"no", "dup"});
  CHECK(map.id2label().dump() == R"({"0": "no", "1": "dup"})");
  CHECK(map.label2id().dump() == R"({"no": 0, "dup": 1})");
  Json config;
  config["id2label"] = map.id2label();
  config["label2id"] = map.label2id();
  CHECK(LabelMap::from_config(config, "config.json") == map);
}

TEST_CASE("labels: the first difference of two maps", "[labels]") {
  const LabelMap a(Names{"no", "yes"}), b(Names{"yes", "no"}), c(Names{"no", "yes", "maybe"});
  CHECK_FALSE(a.first_difference(a, "x", "y").has_value());
  CHECK(a.first_difference(b, "the teacher", "the student") ==
        "label 0 is \"no\" in the teacher and \"yes\" in the student");
  CHECK(a.first_difference(c, "the teacher", "the student") ==
        "the teacher has 2 labels and the student has 3");
  CHECK_FALSE(
      LabelMap::placeholders(2).first_difference(LabelMap(Names{"0", "1"}), "x", "y").has_value());
  CHECK(
      LabelMap(Names{"1", "0"}).first_difference(LabelMap::placeholders(2), "x", "y").has_value());
}

}  // namespace
}  // namespace retort
