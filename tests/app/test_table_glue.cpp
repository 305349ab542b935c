// The published files of MRPC and SST-2, counted. The numbers are those of the files' lines less
// the header (counted without any reader: no field of theirs holds a line end).
#include <cstdint>
#include <filesystem>

#include "distill/data/labels.h"
#include "distill/data/table.h"
#include "tests/app/data_files.h"

namespace retort {
namespace {

struct Known {
  const char* file;
  std::int64_t rows;
  std::int64_t ones;         // rows with label 1; -1: the file has no labels
  std::int64_t quoted_rows;  // rows with a field that begins with a quote
};

void check_files(const std::string& folder, std::initializer_list<Known> files, bool pairs) {
  for (const auto& known : files) {
    CAPTURE(known.file);
    TableOptions options;
    options.label_required = known.ones >= 0;
    const Table table = read_table(testing::shared_data(folder) / known.file, options);
    CHECK(static_cast<std::int64_t>(table.rows.size()) == known.rows);
    CHECK(table.has_pairs == pairs);
    CHECK(table.has_labels == (known.ones >= 0));
    CHECK(table.warnings.empty());
    CHECK(table.rows.back().line == known.rows + 1);
    std::int64_t ones = known.ones >= 0 ? 0 : -1, quoted = 0;
    for (const auto& row : table.rows) {
      if (row.label == "1") ++ones;
      if (row.text.starts_with('"') || (row.pair && row.pair->starts_with('"'))) ++quoted;
    }
    CHECK(ones == known.ones);
    CHECK(quoted == known.quoted_rows);
    if (known.ones >= 0) {
      const Table* tables[] = {&table};
      CHECK(LabelMap::from_tables(tables).size() == 2);
    }
  }
}

TEST_CASE("table: MRPC, GLUE's files and the original ones", "[table]") {
  if (!std::filesystem::exists(testing::shared_data("glue-mrpc"))) RETORT_SKIP("no glue-mrpc here");
  check_files("glue-mrpc",
              {{"train.tsv", 3667, 2473, 454},
               {"dev.tsv", 408, 279, 56},
               {"test.tsv", 1725, -1, 228},
               {"msr_paraphrase_train.txt", 4076, 2753, 511},
               {"msr_paraphrase_test.txt", 1725, 1147, 228}},
              true);
}

TEST_CASE("table: SST-2", "[table]") {
  if (!std::filesystem::exists(testing::shared_data("glue-sst2"))) RETORT_SKIP("no glue-sst2 here");
  check_files("glue-sst2",
              {{"train.tsv", 67349, 37569, 0}, {"dev.tsv", 872, 444, 0}, {"test.tsv", 1821, -1, 0}},
              false);
  // Sentences keep the space that stands at their end in the file.
  TableOptions options;
  options.limit = 1;
  const Table table = read_table(testing::shared_data("glue-sst2") / "dev.tsv", options);
  CHECK(table.rows[0].text == "it 's a charming and often affecting journey . ");
}

}  // namespace
}  // namespace retort
