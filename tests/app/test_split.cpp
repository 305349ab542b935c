// Splitting a file: shares, strata, bytes, and texts that stand in two parts.
#include "distill/data/split.h"

#include <cmath>
#include <map>
#include <set>

#include "tests/app/data_files.h"

namespace retort {
namespace {

using testing::contains;
using testing::content_of;
using testing::error_of;
using testing::Folder;

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string numbered_rows(int n, int labels) {
  std::string content = "text\tlabel\n";
  for (int i = 0; i < n; ++i)
    content += "row number " + std::to_string(i) + "\t" +
               std::to_string(i % 10 == 0 ? labels - 1 : 0) + "\n";
  return content;
}

TEST_CASE("split: parts as written on the command line", "[split]") {
  const auto parts = parse_parts("train=0.8,dev=0.1,test=0.1");
  REQUIRE(parts.size() == 3);
  CHECK(parts[0].name == "train");
  CHECK(parts[0].fraction == 0.8);
  CHECK(parts[2].name == "test");
  CHECK(parse_parts("all=1").size() == 1);
  for (const char* wrong : {"",
                            "train",
                            "train=",
                            "=1",
                            "train=0.8",
                            "train=0.8,dev=0.3",
                            "a=0.5,a=0.5",
                            "a=0.5,,b=0.5",
                            "a=1,",
                            "a=-1,b=2",
                            "a=0,b=1",
                            "a=nan",
                            "a=inf",
                            "a=0.5x,b=0.5",
                            "../a=1",
                            "a/b=1",
                            ".=1",
                            "-x=1",
                            "a b=1",
                            "a=1.0000001e0,b=1"}) {
    CAPTURE(wrong);
    CHECK(contains(error_of([&] { parse_parts(wrong); }), "parts: "));
  }
}

TEST_CASE("split: every row goes to one part, in order, with the header", "[split]") {
  const Folder folder("split");
  SplitOptions options;
  options.input = folder.write("in.txt", numbered_rows(1000, 2));
  options.parts = parse_parts("train=0.8,dev=0.1,test=0.1");
  options.out = folder.path() / "new" / "out";
  const auto result = split_table(options);
  CHECK(result.warnings.empty());
  REQUIRE(result.parts.size() == 3);
  CHECK(result.parts[0].rows == 800);
  CHECK(result.parts[1].rows == 100);
  CHECK(result.parts[2].rows == 100);
  std::set<std::string> all;
  for (const auto& part : result.parts) {
    CHECK(part.path == options.out / (part.name + ".tsv"));
    const auto lines = lines_of(part.path);
    REQUIRE(static_cast<std::int64_t>(lines.size()) == part.rows + 1);
    CHECK(lines[0] == "text\tlabel");
    int last = -1;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const int number = std::stoi(lines[i].substr(11));
      CHECK(number > last);
      last = number;
      CHECK(all.insert(lines[i]).second);
    }
  }
  CHECK(all.size() == 1000);

  // The same seed gives the same files, another one others; files that are there are left alone.
  const std::string first = content_of(options.out / "dev.tsv");
  CHECK(contains(error_of([&] { split_table(options); }), "is there already"));
  options.overwrite = true;
  split_table(options);
  CHECK(content_of(options.out / "dev.tsv") == first);
  options.seed = 43;
  split_table(options);
  CHECK(content_of(options.out / "dev.tsv") != first);

  // No part of the input's order: a part's rows come from everywhere.
  const auto dev = lines_of(options.out / "dev.tsv");
  int early = 0;
  for (std::size_t i = 1; i < dev.size(); ++i) early += std::stoi(dev[i].substr(11)) < 500;
  CHECK(early > 25);
  CHECK(early < 75);
}

TEST_CASE("split: stratified by a column, each value has its share in each part", "[split]") {
  const Folder folder("split-strata");
  SplitOptions options;
  std::string content = "text\tlabel\n";
  std::map<std::string, int> sizes;
  for (int i = 0; i < 1003; ++i) {
    const std::string label = i % 100 == 0 ? "rare" : i % 7 == 0 ? "some" : "usual";
    ++sizes[label];
    content += "row number " + std::to_string(i) + "\t" + label + "\n";
  }
  options.input = folder.write("in.tsv", content);
  options.parts = parse_parts("train=0.8,dev=0.1,test=0.1");
  options.stratify_column = "label";
  options.out = folder.path();
  const auto result = split_table(options);
  for (std::size_t p = 0; p < 3; ++p) {
    std::map<std::string, int> counts;
    const auto lines = lines_of(result.parts[p].path);
    for (std::size_t i = 1; i < lines.size(); ++i)
      ++counts[lines[i].substr(lines[i].find('\t') + 1)];
    for (const auto& [label, size] : sizes) {
      CAPTURE(label, result.parts[p].name);
      CHECK(std::abs(counts[label] - options.parts[p].fraction * size) < 2);
    }
    CHECK(std::abs(static_cast<double>(result.parts[p].rows) - options.parts[p].fraction * 1003) <
          2);
  }

  // Many values with few rows each: no part starves.
  content = "text\tlabel\n";
  for (int i = 0; i < 1000; ++i)
    content += "t" + std::to_string(i) + "\tlabel" + std::to_string(i / 5) + "\n";
  options.input = folder.write("many.tsv", content);
  options.overwrite = true;
  const auto many = split_table(options);
  CHECK(many.parts[0].rows == 800);
  CHECK(many.parts[1].rows == 100);
  CHECK(many.parts[2].rows == 100);

  options.stratify_column = "nothing";
  CHECK(contains(error_of([&] { split_table(options); }), "no column \"nothing\""));
}

TEST_CASE("split: rows stay byte for byte, in every format", "[split]") {
  const Folder folder("split-bytes");
  struct Case {
    const char* name;
    std::vector<std::string> rows;
    std::string header;
    const char* out;
  };
  const Case cases[] = {
      {"a.tsv", {"\"x\t1\r\n", "  y \t0\n", "z\t1"}, "\xEF\xBB\xBFtext\tlabel\r\n", ".tsv"},
      {"a.csv", {"\"x,\"\"\r\n\",1\r\n", "y,0\n", "z,1"}, "text,label\r\n", ".csv"},
      {"a.jsonl",
       {"{\"text\": \"x\",   \"label\":1}\n", "{\"label\":0, \"text\": \"\\u0041\"}\r\n",
        "{\"text\": \"z\", \"label\": \"1\"}"},
       "",
       ".jsonl"},
  };
  for (const auto& format : cases) {
    CAPTURE(format.name);
    std::string content = format.header;
    for (const auto& row : format.rows) content += row;
    SplitOptions options;
    options.input = folder.write(format.name, content);
    options.parts = parse_parts("one=0.6,two=0.4");
    options.out = folder.path() / "out";
    options.overwrite = true;
    const auto result = split_table(options);
    CHECK(result.parts[0].rows == 2);
    CHECK(result.parts[1].rows == 1);
    std::string together;
    for (const auto& part : result.parts) {
      CHECK(part.path.extension() == format.out);
      const std::string part_content = content_of(part.path);
      REQUIRE(part_content.starts_with(format.header));
      CHECK(part_content.back() == '\n');
      together += part_content.substr(format.header.size());
      CHECK(static_cast<std::int64_t>(read_table(part.path, {}).rows.size()) == part.rows);
    }
    for (const auto& row : format.rows) CHECK(together.find(row) != std::string::npos);
  }
}

TEST_CASE("split: a text that stands in two parts is reported", "[split]") {
  const Folder folder("split-leak");
  std::string content = "text\tlabel\n";
  for (int i = 0; i < 100; ++i) content += "text " + std::to_string(i / 2) + "\t1\n";
  SplitOptions options;
  options.input = folder.write("in.tsv", content);
  options.parts = parse_parts("a=0.5,b=0.5");
  options.out = folder.path();
  const auto result = split_table(options);
  REQUIRE(result.warnings.size() == 1);
  // Counted by hand from the files.
  std::set<std::string> a, b;
  for (const auto& row : read_table(folder.path() / "a.tsv", {}).rows) a.insert(row.text);
  for (const auto& row : read_table(folder.path() / "b.tsv", {}).rows) b.insert(row.text);
  int both = 0;
  for (const auto& text : a) both += static_cast<int>(b.count(text));
  REQUIRE(both > 0);
  CHECK(contains(result.warnings[0],
                 ": " + std::to_string(both) + " texts stand in more than one part"));
  CHECK(contains(result.warnings[0], "such as \"text "));

  // Pairs: whole ones and single texts are counted apart; columns that say nothing: whole rows.
  options.overwrite = true;
  options.input = folder.write("pairs.tsv",
                               "text_a\ttext_b\tlabel\n"
                               "x\ty\t1\nx\ty\t1\nx\ty\t0\nx\ty\t0\nx\tz\t1\nx\tw\t0\n");
  options.stratify_column = "label";
  const auto pairs = split_table(options);
  REQUIRE(pairs.warnings.size() == 2);
  CHECK(contains(pairs.warnings[0], "1 pair stands in more than one part"));
  CHECK(contains(pairs.warnings[1], "single text"));
  options.stratify_column.clear();
  options.input = folder.write("rows.tsv", "one\ttwo\nx\ty\nx\ty\n");
  const auto rows = split_table(options);
  REQUIRE(rows.warnings.size() == 1);
  CHECK(contains(rows.warnings[0], "1 row stands in more than one part"));
}

TEST_CASE("split: what can't be split, and what is said about the rest", "[split]") {
  const Folder folder("split-bad");
  SplitOptions options;
  options.parts = parse_parts("train=0.5,dev=0.5");
  options.out = folder.path();
  options.input = folder.write("train.tsv", numbered_rows(10, 2));
  options.overwrite = true;
  const std::string before = content_of(options.input);
  CHECK(contains(error_of([&] { split_table(options); }), "is the input itself"));
  CHECK(content_of(options.input) == before);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "dev.tsv"));

  options.input = folder.write("short.tsv", numbered_rows(20, 2) + "no label\n");
  options.out = folder.path() / "out";
  const auto damaged = split_table(options);
  REQUIRE(damaged.warnings.size() == 1);
  CHECK(contains(damaged.warnings[0], "short.tsv:22: has 1 field"));
  CHECK(damaged.parts[0].rows + damaged.parts[1].rows == 20);

  options.input = folder.write("one.tsv", "text\tlabel\na\t1\n");
  const auto one = split_table(options);
  REQUIRE(one.warnings.size() == 1);
  CHECK(contains(one.warnings[0], "gets no rows of 1"));

  options.input = folder.write("quoted.tsv", "text\tlabel\n\"a\tb\"\t1\nb\t0\n");
  options.format = TableFormat::tsv_quoted;
  CHECK(contains(split_table(options).warnings.at(0), "--format tsv-quoted"));
  options.format = TableFormat::automatic;

  options.input = folder.write("header.tsv", "text\tlabel\n");
  CHECK(contains(error_of([&] { split_table(options); }), "has no rows"));
  options.out = folder.path() / "one.tsv" / "sub";  // a file is no folder
  options.input = folder.write("two.tsv", numbered_rows(4, 2));
  CHECK(contains(error_of([&] { split_table(options); }), "one.tsv"));
}

}  // namespace
}  // namespace retort
