// Tables: labelled texts or pairs of texts from .tsv, .txt, .csv and .jsonl files.
//
// The format follows from the extension or is given; nothing is guessed from the content.
//   .tsv, .txt   tab-separated; a quote is an ordinary character, a line is a row
//   .csv         RFC 4180: fields in double quotes may hold commas, line breaks and doubled quotes
//   .jsonl       an object per line; the columns are the keys of the first one
//   tsv_quoted   .csv with tabs, only by name
// The first line of the others names the columns. A byte order mark is skipped; lines end in \n or
// \r\n. Text is kept as it stands, spaces at its ends included.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

enum class TableFormat { automatic, tsv, tsv_quoted, csv, jsonl };

/// "tsv", "tsv-quoted", "csv", "jsonl", or "auto" and "" for automatic. Errors: another name.
TableFormat parse_table_format(std::string_view name);

/// Rows first <= i < last, counted from 0; last -1: to the end.
struct RowRange {
  std::int64_t first = 0;
  std::int64_t last = -1;
};

/// "A:B", "A:" or ":B". Errors: anything else, an empty range.
RowRange parse_row_range(std::string_view text);

struct TableOptions {
  TableFormat format = TableFormat::automatic;
  // Columns by name; empty: recognised by the header (see read_table).
  std::string text_column, pair_column, label_column;
  std::vector<std::string> label_columns;  ///< several instead of label_column (see targets.h)
  bool label_required = true;              ///< false: a file or row without label is fine
  /// A row may have any number of labels (see targets.h), none too. Otherwise a list in JSON is no
  /// label, and neither is an empty field.
  bool several_labels = false;
  bool strict_rows = false;    ///< true: a row with too few or too many fields is an error
  std::int64_t limit = -1;     ///< at most so many rows, after the range; -1: all
  std::int64_t first_row = 0,
               last_row = -1;  ///< a RowRange over the rows (damaged ones not counted)
};

/// The same as a person writes it, on a command line or in a recipe.
struct TableFlags {
  std::string format = "auto", text_column, pair_column, label_column;
  std::vector<std::string> label_columns;
  std::string rows;         ///< a RowRange; empty: all
  std::int64_t limit = -1;  ///< -1: all

  /// Errors: a format or a range that can't be read.
  TableOptions options() const;
};

struct Row {
  std::string text;
  std::optional<std::string> pair;
  std::optional<std::string> label;  ///< of several columns: their fields with | between them
  std::int64_t line = 0;  ///< in the file, counted from 1
};

struct Table {
  std::string path;
  std::vector<Row> rows;  ///< at least one
  bool has_pairs = false;
  bool has_labels = false;                             ///< true: every row has its label
  std::string text_column, pair_column, label_column;  ///< as found; empty where there is none
  std::vector<std::string> label_columns;              ///< as TableOptions
  std::vector<std::string> warnings;  ///< each one line for the user, such as damaged rows skipped
};

/// Reads a table.
///
/// Columns that aren't named are recognised, in this order, with letter case mattering: pairs
/// (#1 String, #2 String), (text_a, text_b), (text1, text2), (sentence1, sentence2),
/// (question1, question2), (premise, hypothesis), (question, sentence), else a single text,
/// sentence; labels Quality, label, gold_label, is_duplicate. A text column by name takes no pair
/// column but one by name.
///
/// A row with another number of fields than the header is skipped and reported in `warnings`,
/// unless strict_rows; more than one row in ten like that is an error, for then the file has
/// another format. A row whose label is empty is an error where labels are required, unless
/// several_labels. Every error is
/// one sentence with file and line: no such column (with those that there are), no rows, invalid
/// UTF-8, NUL bytes, an open quote, no JSON object, a range without rows.
Table read_table(const std::filesystem::path& path, const TableOptions& options);

/// A corpus: the texts and pairs of tables (.tsv, .csv, .jsonl), the lines of other files. Pairs are
/// two texts or, with a `joiner`, one with that in the middle. Warnings of tables are added to
/// `warnings`. Errors: those of reading the files.
std::vector<std::string> read_texts(const std::vector<std::string>& paths,
                                    std::vector<std::string>& warnings,
                                    const std::string& joiner = {});

/// Which columns of a file hold what. Indices into the file's columns; -1: none.
struct TableColumns {
  int text = -1, pair = -1, label = -1;
};

/// The rule of read_table on its own. Errors: a named column that isn't there; no text column when
/// `text_required`; no label column when options.label_required.
TableColumns find_columns(const std::vector<std::string>& columns, const TableOptions& options,
                          const std::string& path, bool text_required = true);

}  // namespace retort
