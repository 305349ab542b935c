// From records to labelled texts: which column is what, and what to do with damaged rows.
#include "distill/data/table.h"

#include <algorithm>
#include <charconv>

#include "distill/data/records.h"
#include "distill/data/targets.h"
#include "distill/data/text.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"

namespace retort {
namespace {

// The headers that are recognised, in this order.
struct PairColumns {
  std::string_view text, pair;
};
constexpr PairColumns kPairColumns[] = {
    {"#1 String", "#2 String"},  // MRPC
    {"text_a", "text_b"},        // retort data tickets
    {"text1", "text2"},          // SetFit's pairs
    {"sentence1", "sentence2"},  // GLUE: MRPC, RTE, WNLI, MNLI, STS-B
    {"question1", "question2"},  // QQP
    {"premise", "hypothesis"},   // SNLI, MNLI
    {"question", "sentence"},    // QNLI
};
constexpr std::string_view kTextColumns[] = {"text", "sentence"};  // SetFit; SST-2, CoLA
constexpr std::string_view kLabelColumns[] = {"Quality", "label", "gold_label", "is_duplicate"};

std::string list_columns(const std::vector<std::string>& columns) {
  constexpr std::size_t kMost = 20;
  std::string out;
  for (std::size_t i = 0; i < std::min(columns.size(), kMost); ++i) {
    if (i > 0) out += ", ";
    out += quote_for_message(columns[i]);
  }
  if (columns.size() > kMost) out += " and " + std::to_string(columns.size() - kMost) + " more";
  return out;
}

int find_column(const std::vector<std::string>& columns, std::string_view name,
                const std::string& path) {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found == columns.end()) return -1;
  check(std::find(found + 1, columns.end(), name) == columns.end(), at_line(path, 1),
        ": names the column ", quote_for_message(name), " twice; rename one of them");
  return static_cast<int>(found - columns.begin());
}

int named_column(const std::vector<std::string>& columns, const std::string& name,
                 const std::string& path) {
  const int found = find_column(columns, name, path);
  check(found >= 0, at_line(path, 1), ": has no column ", quote_for_message(name), "; it has ",
        list_columns(columns));
  return found;
}

std::int64_t parse_row_number(std::string_view text, std::string_view whole) {
  std::int64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  check(result.ec == std::errc() && result.ptr == text.data() + text.size() && number >= 0,
        "--rows: expected A:B with A < B, both counted from 0, found ", quote_for_message(whole));
  return number;
}

}  // namespace

TableFormat parse_table_format(std::string_view name) {
  if (name.empty() || name == "auto") return TableFormat::automatic;
  if (name == "tsv") return TableFormat::tsv;
  if (name == "tsv-quoted") return TableFormat::tsv_quoted;
  if (name == "csv") return TableFormat::csv;
  if (name == "jsonl") return TableFormat::jsonl;
  fail("--format: expected tsv, tsv-quoted, csv or jsonl, found ", quote_for_message(name));
}

RowRange parse_row_range(std::string_view text) {
  const auto colon = text.find(':');
  check(colon != std::string_view::npos && text.size() > 1,
        "--rows: expected A:B with A < B, both counted from 0, found ", quote_for_message(text));
  RowRange range;
  if (colon > 0) range.first = parse_row_number(text.substr(0, colon), text);
  if (colon + 1 < text.size()) range.last = parse_row_number(text.substr(colon + 1), text);
  check(range.last < 0 || range.first < range.last, "--rows: the range ", quote_for_message(text),
        " holds no rows; expected A:B with A < B");
  return range;
}

TableOptions TableFlags::options() const {
  TableOptions options;
  options.format = parse_table_format(format);
  options.text_column = text_column;
  options.pair_column = pair_column;
  options.label_column = label_column;
  options.label_columns = label_columns;
  check(label_column.empty() || label_columns.empty(),
        "--label-columns: takes the place of --label-column; give one of them");
  options.limit = limit;
  if (!rows.empty()) {
    const RowRange range = parse_row_range(rows);
    options.first_row = range.first;
    options.last_row = range.last;
  }
  return options;
}

TableColumns find_columns(const std::vector<std::string>& columns, const TableOptions& options,
                          const std::string& path, bool text_required) {
  TableColumns found;
  if (!options.text_column.empty()) {
    found.text = named_column(columns, options.text_column, path);
  } else {
    for (const auto& known : kPairColumns) {
      const int text = find_column(columns, known.text, path);
      const int pair = find_column(columns, known.pair, path);
      if (text < 0 || pair < 0) continue;
      found.text = text;
      found.pair = pair;
      break;
    }
    for (const auto known : kTextColumns)
      if (found.text < 0) found.text = find_column(columns, known, path);
  }
  if (!options.pair_column.empty()) {
    found.pair = named_column(columns, options.pair_column, path);
    check(found.pair != found.text, at_line(path, 1), ": the column ",
          quote_for_message(options.pair_column), " can't be text and pair at once");
  }
  check(found.text >= 0 || !text_required, at_line(path, 1),
        ": no text column is recognised; name it with --text-column (and --pair-column); the file "
        "has ",
        list_columns(columns));
  if (!options.label_columns.empty()) return found;  // read_table looks for them
  if (!options.label_column.empty()) {
    found.label = named_column(columns, options.label_column, path);
  } else {
    for (const auto known : kLabelColumns)
      if (found.label < 0) found.label = find_column(columns, known, path);
  }
  check(found.label >= 0 || !options.label_required, at_line(path, 1),
        ": no label column is recognised; name it with --label-column; the file has ",
        list_columns(columns));
  return found;
}

Table read_table(const std::filesystem::path& path, const TableOptions& options) {
  check(options.limit != 0 && options.limit >= -1, "--limit: expected at least 1 row, found ",
        options.limit);
  Table table;
  table.path = path.string();
  const TableFormat format = table_format(table.path, options.format);
  const std::string text = read_data_file(table.path);
  const auto reader = make_record_reader(text, table.path, format);
  const auto& columns = reader->columns();
  const TableColumns at = find_columns(columns, options, table.path);
  const auto column_name = [&](int column) {
    return column < 0 ? std::string() : columns[static_cast<std::size_t>(column)];
  };
  table.text_column = column_name(at.text);
  table.pair_column = column_name(at.pair);
  table.label_column = column_name(at.label);
  table.has_pairs = at.pair >= 0;
  table.label_columns = options.label_columns;
  std::vector<int> label_columns;
  for (const std::string& name : options.label_columns)
    if (options.label_required || find_column(columns, name, table.path) >= 0)
      label_columns.push_back(named_column(columns, name, table.path));

  Record record;
  DamagedRows damaged(table.path, columns.size());
  std::int64_t good = 0, unlabelled = 0;
  while (reader->next(record)) {
    if (damaged.count(record)) {
      check(!options.strict_rows, damaged.first());
      continue;
    }
    const std::int64_t index = good++;
    if (index < options.first_row) continue;
    if (options.last_row >= 0 && index >= options.last_row) break;
    const auto field = [&](int column) -> std::optional<std::string>& {
      return record.fields[static_cast<std::size_t>(column)];
    };
    const auto is_list = [&](int column) {
      return !record.lists.empty() && record.lists[static_cast<std::size_t>(column)];
    };
    Row row;
    row.line = record.line;
    check(field(at.text).has_value() && !is_list(at.text), at_line(table.path, record.line),
          ": expected a string under ", quote_for_message(table.text_column), ", found none");
    row.text = std::move(*field(at.text));
    if (at.pair >= 0) {
      check(field(at.pair).has_value() && !is_list(at.pair), at_line(table.path, record.line),
            ": expected a string under ", quote_for_message(table.pair_column), ", found none");
      row.pair = std::move(field(at.pair));
    }
    const bool several = options.several_labels;
    if (at.label >= 0 && field(at.label) && (several || !is_list(at.label)) &&
        (several || !field(at.label)->empty()))
      row.label = std::move(field(at.label));
    for (std::size_t i = 0; i < label_columns.size(); ++i) {
      const auto& cell = field(label_columns[i]);
      if (i > 0 && !row.label) break;
      if (!cell || cell->empty() || is_list(label_columns[i])) row.label.reset();
      else row.label = (i > 0 ? *row.label + kLabelSeparator : std::string()) + *cell;
    }
    if (!row.label) {
      check(!options.label_required, at_line(table.path, record.line), ": has no label under ",
            options.label_columns.empty() ? quote_for_message(table.label_column)
                                          : "one of its label columns");
      ++unlabelled;
    }
    table.rows.push_back(std::move(row));
    if (options.limit > 0 && static_cast<std::int64_t>(table.rows.size()) >= options.limit) break;
  }
  damaged.finish(good, table.warnings);
  check(good > 0, table.path, ": has a header but no rows");
  check(!table.rows.empty(), table.path, ": has ", good, " rows, none from row ", options.first_row,
        " on (rows count from 0)");
  table.has_labels = unlabelled == 0;
  return table;
}

std::vector<std::string> read_texts(const std::vector<std::string>& paths,
                                    std::vector<std::string>& warnings,
                                    const std::string& joiner) {
  std::vector<std::string> texts;
  for (const std::string& path : paths) {
    const std::string extension = std::filesystem::path(path).extension().string();
    if (extension == ".tsv" || extension == ".csv" || extension == ".jsonl") {
      TableOptions options;
      options.label_required = false;
      Table table = read_table(path, options);
      warnings.insert(warnings.end(), table.warnings.begin(), table.warnings.end());
      for (Row& row : table.rows) {
        texts.push_back(std::move(row.text));
        if (!row.pair) continue;
        if (joiner.empty()) texts.push_back(std::move(*row.pair));
        else texts.back() += joiner + *row.pair;
      }
      continue;
    }
    const std::string content = read_file(path);
    for (std::size_t begin = 0; begin < content.size();) {
      const std::size_t end = std::min(content.find('\n', begin), content.size());
      texts.push_back(content.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return texts;
}

}  // namespace retort
