// Reading tables: formats, headers, slices.
#include "distill/data/table.h"

#include "tests/app/data_files.h"

namespace retort {
namespace {

using testing::contains;
using testing::error_of;
using testing::Folder;

TableOptions unlabelled() {
  TableOptions options;
  options.label_required = false;
  return options;
}

TEST_CASE("table: a quote in a .tsv is an ordinary character", "[table]") {
  const Folder folder("table-tsv");
  const auto path = folder.write("a.tsv",
                                 "text\tlabel\n"
                                 "\" he said\t1\n"
                                 "she \"\" said\"\t0\n"
                                 "  spaces stay  \t1\n");
  const Table table = read_table(path, {});
  REQUIRE(table.rows.size() == 3);
  CHECK(table.rows[0].text == "\" he said");
  CHECK(table.rows[0].label == "1");
  CHECK(table.rows[1].text == "she \"\" said\"");
  CHECK(table.rows[2].text == "  spaces stay  ");
  CHECK(table.rows[2].line == 4);
  CHECK(table.has_labels);
  CHECK_FALSE(table.has_pairs);
  CHECK_FALSE(table.rows[0].pair.has_value());
  CHECK(table.text_column == "text");
  CHECK(table.label_column == "label");
  CHECK(table.pair_column.empty());
  CHECK(table.warnings.empty());
}

TEST_CASE("table: byte order mark, \\r\\n, no line end at the end, empty lines at the end",
          "[table]") {
  const Folder folder("table-ends");
  for (const char* content :
       {"\xEF\xBB\xBFtext\tlabel\r\none\t1\r\ntwo\t0\r\n", "text\tlabel\none\t1\ntwo\t0",
        "text\tlabel\none\t1\ntwo\t0\n\n\r\n\n"}) {
    for (const char* name : {"a.txt", "a.TSV"}) {
      const Table table = read_table(folder.write(name, content), {});
      REQUIRE(table.rows.size() == 2);
      CHECK(table.rows[0].text == "one");
      CHECK(table.rows[1].label == "0");
      CHECK(table.warnings.empty());
    }
  }
}

TEST_CASE("table: .csv as RFC 4180 has it", "[table]") {
  const Folder folder("table-csv");
  const auto path = folder.write("a.csv",
                                 "\xEF\xBB\xBFtext,\"label\"\r\n"
                                 "\"a, b\",1\r\n"
                                 "\"he said \"\"no\"\"\",0\r\n"
                                 "\"two\r\nlines\n\",1\r\n"
                                 "5\" disk,0\r\n"
                                 "\"\",\"1\"\r\n"
                                 "tab\tstays,0");
  const Table table = read_table(path, {});
  REQUIRE(table.rows.size() == 6);
  CHECK(table.rows[0].text == "a, b");
  CHECK(table.rows[1].text == "he said \"no\"");
  CHECK(table.rows[2].text == "two\r\nlines\n");
  CHECK(table.rows[2].line == 4);
  CHECK(table.rows[3].text == "5\" disk");
  CHECK(table.rows[3].line == 7);
  CHECK(table.rows[4].text.empty());
  CHECK(table.rows[4].label == "1");
  CHECK(table.rows[5].text == "tab\tstays");
  CHECK(table.warnings.empty());
}

TEST_CASE("table: --format says more than the extension", "[table]") {
  const Folder folder("table-format");
  const auto path = folder.write("a.tsv", "text\tlabel\n\"a\tb\"\t1\n\"c\"\"d\"\t0\n");
  TableOptions options;
  options.format = parse_table_format("tsv-quoted");
  const Table table = read_table(path, options);
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0].text == "a\tb");
  CHECK(table.rows[1].text == "c\"d");

  const auto other = folder.write("a.data", "text\tlabel\nx\t1\n");
  CHECK(contains(error_of([&] { read_table(other, {}); }), ".data"));
  options.format = TableFormat::tsv;
  CHECK(read_table(other, options).rows.size() == 1);

  CHECK(parse_table_format("") == TableFormat::automatic);
  CHECK(parse_table_format("csv") == TableFormat::csv);
  CHECK(parse_table_format("jsonl") == TableFormat::jsonl);
  CHECK(contains(error_of([] { parse_table_format("xml"); }), "found \"xml\""));
}

TEST_CASE("table: .jsonl with labels of every kind", "[table]") {
  const Folder folder("table-jsonl");
  const auto path =
      folder.write("a.jsonl",
                   "{\"text\": \"caf\\u00e9 \\\"x\\\"\", \"label\": 1, \"label_text\": \"dup\"}\n"
                   "\n"
                   "{\"label\": \"two words\", \"text\": \"b\\tc\", \"more\": [1]}\r\n"
                   "{\"text\": \"c\", \"label\": 2.0}\n"
                   "{\"text\": 7, \"label\": true}");
  const Table table = read_table(path, {});
  REQUIRE(table.rows.size() == 4);
  CHECK(table.rows[0].text == "caf\xC3\xA9 \"x\"");
  CHECK(table.rows[0].label == "1");
  CHECK(table.rows[1].text == "b\tc");
  CHECK(table.rows[1].label == "two words");
  CHECK(table.rows[1].line == 3);
  CHECK(table.rows[2].label == "2");
  CHECK(table.rows[3].text == "7");
  CHECK(table.rows[3].label == "true");

  const auto partly = folder.write("b.jsonl",
                                   "{\"text\": \"a\", \"label\": \"x\"}\n"
                                   "{\"text\": \"b\", \"label\": null}\n{\"text\": \"c\"}\n");
  CHECK(contains(error_of([&] { read_table(partly, {}); }),
                 "b.jsonl:2: has no label under \"label\""));
  const Table some = read_table(partly, unlabelled());
  CHECK_FALSE(some.has_labels);
  CHECK(some.rows[0].label == "x");
  CHECK_FALSE(some.rows[1].label.has_value());
}

TEST_CASE("table: headers that are recognised", "[table]") {
  struct Case {
    const char* header;
    const char* text;
    const char* pair;
    const char* label;
  };
  const Case cases[] = {
      {"Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", "#1 String", "#2 String", "Quality"},
      {"index\t#1 ID\t#2 ID\t#1 String\t#2 String", "#1 String", "#2 String", ""},
      {"text\tlabel\tlabel_text", "text", "", "label"},
      {"idx\ttext1\ttext2\tlabel\tlabel_text", "text1", "text2", "label"},
      {"sentence\tlabel", "sentence", "", "label"},
      {"index\tsentence", "sentence", "", ""},
      {"sentence1\tsentence2\tlabel\tidx", "sentence1", "sentence2", "label"},
      {"sentence1\tsentence2\tgold_label", "sentence1", "sentence2", "gold_label"},
      {"id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", "question1", "question2",
       "is_duplicate"},
      {"premise\thypothesis\tlabel", "premise", "hypothesis", "label"},
      {"index\tquestion\tsentence\tlabel", "question", "sentence", "label"},
      {"text_a\ttext_b\tlabel", "text_a", "text_b", "label"},
  };
  const Folder folder("table-headers");
  for (const auto& known : cases) {
    CAPTURE(known.header);
    std::string row;
    int fields = 1;
    for (const char c : std::string(known.header)) fields += c == '\t';
    for (int i = 0; i < fields; ++i) row += (i > 0 ? "\tf" : "f") + std::to_string(i);
    const auto path = folder.write("a.tsv", std::string(known.header) + '\n' + row + '\n');
    const Table table = read_table(path, unlabelled());
    CHECK(table.text_column == known.text);
    CHECK(table.pair_column == known.pair);
    CHECK(table.label_column == known.label);
    CHECK(table.has_pairs == !std::string(known.pair).empty());
    CHECK(table.has_labels == !std::string(known.label).empty());
    // The fields came from where the columns stand.
    const auto position = [&](const std::string& column) {
      int at = 0;
      std::string header = std::string(known.header) + '\t';
      for (std::size_t begin = 0; header.substr(begin, header.find('\t', begin) - begin) != column;
           ++at)
        begin = header.find('\t', begin) + 1;
      return "f" + std::to_string(at);
    };
    CHECK(table.rows[0].text == position(known.text));
    if (table.has_pairs) CHECK(table.rows[0].pair == position(known.pair));
    if (table.has_labels) CHECK(table.rows[0].label == position(known.label));
    else CHECK(contains(error_of([&] { read_table(path, {}); }), "--label-column"));
  }
}

TEST_CASE("table: columns by name", "[table]") {
  const Folder folder("table-columns");
  const auto path =
      folder.write("a.tsv", "sentence1\tsentence2\tkind\tlabel\na\tb\tx\t1\nc\td\ty\t0\n");
  TableOptions options;
  options.text_column = "sentence2";
  options.label_column = "kind";
  const Table single = read_table(path, options);
  CHECK_FALSE(single.has_pairs);  // a text by name brings no recognised pair
  CHECK(single.rows[0].text == "b");
  CHECK(single.rows[1].label == "y");
  options.pair_column = "sentence1";
  const Table swapped = read_table(path, options);
  CHECK(swapped.rows[0].text == "b");
  CHECK(swapped.rows[0].pair == "a");

  options.label_column = "nothing";
  const auto message = error_of([&] { read_table(path, options); });
  CHECK(contains(message, "a.tsv:1"));
  CHECK(contains(message, "no column \"nothing\""));
  CHECK(contains(message, "\"sentence1\", \"sentence2\", \"kind\", \"label\""));
  options.label_column = "label";
  options.pair_column = "sentence2";
  CHECK(contains(error_of([&] { read_table(path, options); }), "text and pair at once"));

  const auto unknown = folder.write("b.tsv", "one\ttwo\na\tb\n");
  CHECK(contains(error_of([&] { read_table(unknown, {}); }), "it has \"one\", \"two\"") == false);
  CHECK(contains(error_of([&] { read_table(unknown, {}); }), "the file has \"one\", \"two\""));
  const auto twice = folder.write("c.tsv", "text\ttext\tlabel\na\tb\t1\n");
  CHECK(contains(error_of([&] { read_table(twice, {}); }), "\"text\" twice"));
}

TEST_CASE("table: slices", "[table]") {
  const Folder folder("table-slices");
  std::string content = "text\tlabel\n";
  for (int i = 0; i < 10; ++i)
    content += "t" + std::to_string(i) + "\t" + std::to_string(i % 2) + "\n";
  const auto path = folder.write("a.tsv", content);
  const auto texts = [&](const TableOptions& options) {
    std::string out;
    for (const auto& row : read_table(path, options).rows) out += row.text;
    return out;
  };
  TableOptions options;
  options.limit = 3;
  CHECK(texts(options) == "t0t1t2");
  options.first_row = 4;
  CHECK(texts(options) == "t4t5t6");
  options.last_row = 6;
  CHECK(texts(options) == "t4t5");
  options.limit = -1;
  options.last_row = 100;
  CHECK(texts(options) == "t4t5t6t7t8t9");
  options.first_row = 10;
  CHECK(contains(error_of([&] { texts(options); }), "has 10 rows, none from row 10 on"));
  options.limit = 0;
  CHECK(contains(error_of([&] { texts(options); }), "limit"));

  CHECK(parse_row_range("2:5").first == 2);
  CHECK(parse_row_range("2:5").last == 5);
  CHECK(parse_row_range("2:").last == -1);
  CHECK(parse_row_range(":5").first == 0);
  for (const char* wrong :
       {"", ":", "5", "5:2", "3:3", "-1:4", "1:x", "1:2:3", "1 :2", ":0", "0:99999999999999999999"})
    CHECK(contains(error_of([&] { parse_row_range(wrong); }), "rows: "));
}

}  // namespace
}  // namespace retort
