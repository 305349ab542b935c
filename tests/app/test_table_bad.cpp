// Bad tables: each is one clear error, or a warning, that names file and line.
#include <random>

#include "distill/data/table.h"
#include "tests/app/data_files.h"

namespace retort {
namespace {

using testing::contains;
using testing::error_of;
using testing::Folder;

TEST_CASE("table: rows of another length are skipped, counted and reported", "[table]") {
  const Folder folder("table-short");
  std::string content = "text\tlabel\n";
  for (int i = 0; i < 30; ++i)
    content += i == 7    ? "only a text\n"
               : i == 20 ? "a\tb\t1\n"
                         : "t\t" + std::to_string(i % 2) + "\n";
  const auto path = folder.write("a.tsv", content);
  const Table table = read_table(path, {});
  CHECK(table.rows.size() == 28);
  REQUIRE(table.warnings.size() == 1);
  CHECK(contains(table.warnings[0],
                 "a.tsv:9: has 1 field where the header has 2; skipped 2 such rows"));
  CHECK(table.rows[7].line == 10);

  TableOptions strict;
  strict.strict_rows = true;
  CHECK(contains(error_of([&] { read_table(path, strict); }), "a.tsv:9: has 1 field"));

  // An empty line in the middle has too few fields as well.
  const Table empty_line = read_table(folder.write("b.tsv", "text\tlabel\na\t1\n\nb\t0\n"), {});
  CHECK(empty_line.rows.size() == 2);
  REQUIRE(empty_line.warnings.size() == 1);
  CHECK(contains(empty_line.warnings[0], "b.tsv:3"));

  // Many of them: the file isn't what it was taken for.
  const auto wrong = folder.write("c.tsv", "text\tlabel\na, 1\nb, 0\nc\t1\n");
  CHECK(contains(error_of([&] { read_table(wrong, {}); }), "--format"));
  const auto all_wrong = folder.write("d.tsv", "text\tlabel\na, 1\n");
  CHECK(contains(error_of([&] { read_table(all_wrong, {}); }), "d.tsv:2: has 1 field"));
}

TEST_CASE("table: files that are no tables", "[table]") {
  const Folder folder("table-bad");
  struct Case {
    const char* name;
    std::string content;
    const char* message;
  };
  using std::string_literals::operator""s;
  const Case cases[] = {
      {"empty.tsv", "", "empty.tsv: is empty"},
      {"bom.tsv", "\xEF\xBB\xBF", "bom.tsv:1: is empty"},
      {"blank.tsv", "\n\n\n", "blank.tsv:1: is empty"},
      {"late.tsv", "\ntext\tlabel\na\t1\n", "late.tsv:1: is empty"},
      {"header.tsv", "text\tlabel\n", "header.tsv: has a header but no rows"},
      {"header.csv", "text,label\r\n", "header.csv: has a header but no rows"},
      {"empty.jsonl", "\n \n", "empty.jsonl:3: has no rows"},
      {"nul.tsv", "text\tlabel\na\0b\t1\n"s, "nul.tsv:2: holds a NUL byte"},
      {"utf16.tsv", "\xFF\xFEt\0e\0x\0t\0"s, "utf16.tsv:1: is UTF-16"},
      {"utf8.tsv", "text\tlabel\na\t1\nb\xFF\t0\n", "utf8.tsv:3: is not valid UTF-8 (byte 17"},
      {"latin1.csv", "text,label\ncaf\xE9,1\n", "latin1.csv:2: is not valid UTF-8"},
      {"overlong.tsv", "text\tlabel\n\xC0\xAF\t1\n", "overlong.tsv:2: is not valid UTF-8"},
      {"surrogate.tsv", "text\tlabel\n\xED\xA0\x80\t1\n", "surrogate.tsv:2: is not valid UTF-8"},
      {"above.tsv", "text\tlabel\n\xF4\x90\x80\x80\t1\n", "above.tsv:2: is not valid UTF-8"},
      {"cut.tsv", "text\tlabel\na\t1\xE2\x82", "cut.tsv:2: is not valid UTF-8"},
      {"nolabel.tsv", "text\tlabel\na\t1\nb\t\n", "nolabel.tsv:3: has no label"},
      {"open.csv", "text,label\na,1\n\"b,0\nc,1\n", "open.csv:3: a quoted field begins here"},
      {"after.csv", "text,label\n\"b\nc\"x,0\n", "after.csv:3: expected a separator"},
      {"json.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\": \n",
       "json.jsonl:2: is not valid JSON"},
      {"list.jsonl", "{\"text\": \"a\", \"label\": 1}\n[1]\n",
       "list.jsonl:2: expected a JSON object"},
      {"string.jsonl", "\"text\"\n", "string.jsonl:1: expected a JSON object"},
      {"keys.jsonl", "{}\n", "keys.jsonl:1: the first object has no keys"},
      {"twice.jsonl", "{\"text\": \"a\", \"text\": \"b\"}\n",
       "twice.jsonl:1: has the key \"text\" twice"},
      {"nul.jsonl", "{\"text\": \"a\\u0000\", \"label\": 1}\n", "nul.jsonl:1: holds a NUL"},
      {"notext.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"label\": 1}\n",
       "notext.jsonl:2: expected a string under \"text\""},
      {"lists.jsonl", "{\"text\": [\"a\"], \"label\": 1}\n",
       "lists.jsonl:1: expected a string under"},
  };
  for (const auto& bad : cases) {
    CAPTURE(bad.name);
    const auto path = folder.write(bad.name, bad.content);
    const auto message = error_of([&] { read_table(path, {}); });
    CHECK(contains(message, folder.path().string() + "/" + bad.message));
  }
  CHECK(contains(error_of([&] { read_table(folder.path() / "missing.tsv", {}); }), "missing.tsv"));
  std::filesystem::create_directories(folder.path() / "folder.tsv");
  CHECK(contains(error_of([&] { read_table(folder.path() / "folder.tsv", {}); }), "a directory"));
}

TEST_CASE("table: a huge line is an error, a long one is a row", "[table]") {
  const Folder folder("table-huge");
  const std::string marks = [] {
    std::string out;
    for (int i = 0; i < (1 << 19); ++i) out += "\xCC\x81";  // a megabyte of combining accents
    return out;
  }();
  const Table table = read_table(folder.write("long.tsv", "text\tlabel\na" + marks + "\t1\n"), {});
  CHECK(table.rows[0].text.size() == marks.size() + 1);

  const std::string huge((std::size_t{1} << 26) + 1, 'x');
  const auto path = folder.write("huge.tsv", "text\tlabel\na\t1\n" + huge);
  CHECK(
      contains(error_of([&] { read_table(path, {}); }), "huge.tsv:3: is a line of 67108865 bytes"));
}

TEST_CASE("table: damaged bytes end in a table or one error, in every format", "[table]") {
  const Folder folder("table-fuzz");
  const std::string seeds[] = {
      "text\tlabel\n\"a\tb\"\t1\n\"c\"\"d\"\t0\n",
      "text,label\r\n\"a,b\n\",1\r\nc,0\r\n\"d\"\"e\",1",
      "{\"text\": \"a\\u00e9\", \"label\": 1}\n{\"text\": \"b\", \"label\": \"0\"}\n",
  };
  std::mt19937 random(5);
  const char kBytes[] = {'"', ',', '\t', '\n', '\r', '{', '}', '\\', '\0', '\xFF', '\xC3', 'x'};
  int tables = 0, errors = 0;
  for (int round = 0; round < 600; ++round) {
    std::string content = seeds[random() % 3];
    for (unsigned edits = 1 + random() % 3; edits > 0 && !content.empty(); --edits) {
      const std::size_t at = random() % content.size();
      switch (random() % 3) {
        case 0:
          content[at] = kBytes[random() % sizeof kBytes];
          break;
        case 1:
          content.erase(at, 1 + random() % 4);
          break;
        default:
          content.insert(at, 1, kBytes[random() % sizeof kBytes]);
      }
    }
    const auto path = folder.write("x", content);
    for (const auto format :
         {TableFormat::tsv, TableFormat::tsv_quoted, TableFormat::csv, TableFormat::jsonl}) {
      TableOptions options;
      options.format = format;
      try {
        const Table table = read_table(path, options);
        REQUIRE_FALSE(table.rows.empty());
        ++tables;
      } catch (const Error& error) {
        const std::string message = error.what();
        REQUIRE(message.find(path.string()) != std::string::npos);
        REQUIRE(message.find('\n') == std::string::npos);
        ++errors;
      }
    }
  }
  CHECK(tables > 100);
  CHECK(errors > 100);
}

}  // namespace
}  // namespace retort
