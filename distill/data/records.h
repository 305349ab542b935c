// Records: a data file as a sequence of rows under named columns, whatever its format. table.cpp
// makes examples of them, split.cpp moves them to other files byte for byte.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "distill/data/table.h"

namespace retort {

/// One row. A field is absent where a JSON object lacks the key or holds null there.
struct Record {
  std::int64_t line = 0;  ///< where it begins, counted from 1
  std::string_view raw;   ///< its bytes with their line end, a view into the reader's text
  std::vector<std::optional<std::string>> fields;  ///< in the order of columns(); in a damaged
                                                   ///< delimited row fewer or more of them
  /// Which fields were lists in JSON: their items stand in the field with | between them. Empty
  /// where the format has no lists.
  std::vector<bool> lists = {};
};

/// Reads the rows of one text in order.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  const std::vector<std::string>& columns() const { return columns_; }
  /// The bytes before the first row that belong to no row (byte order mark, header), with line end.
  std::string_view header() const { return header_; }
  /// The next row, or false at the end. Errors: bytes that aren't the format, naming file and line.
  virtual bool next(Record& record) = 0;

 protected:
  std::vector<std::string> columns_;
  std::string_view header_;
};

/// The format that `format` or else the extension of `path` says. Errors: an unknown extension.
TableFormat table_format(const std::string& path, TableFormat format);

/// A reader over `text`, which must outlive it; `path` is for messages. The text must have passed
/// check_text. Errors: no header.
std::unique_ptr<RecordReader> make_record_reader(std::string_view text, const std::string& path,
                                                 TableFormat format);

// One each per format, used by make_record_reader.
std::unique_ptr<RecordReader> make_plain_reader(std::string_view text, const std::string& path);
std::unique_ptr<RecordReader> make_quoted_reader(std::string_view text, const std::string& path,
                                                 char delimiter);
std::unique_ptr<RecordReader> make_json_lines_reader(std::string_view text,
                                                     const std::string& path);

/// Rows with another number of fields than the header: left out, but never silently.
class DamagedRows {
 public:
  DamagedRows(std::string path, std::size_t columns) : path_(std::move(path)), columns_(columns) {}
  /// Whether the record is damaged; counts it then.
  bool count(const Record& record);
  /// "train.tsv:17: has 4 fields where the header has 5": the first one.
  const std::string& first() const { return first_; }
  /// With the number of good rows read: adds a warning if there were damaged ones. Errors: more
  /// than one and more than one in ten, for then the file has another format.
  void finish(std::int64_t good, std::vector<std::string>& warnings) const;

 private:
  std::string path_;
  std::size_t columns_;
  std::int64_t damaged_ = 0;
  std::string first_;
};

/// Reads a data file and checks what holds for every format: not empty, UTF-8, no NUL bytes, no
/// line above kMaxLineBytes. Errors name the file and the line.
std::string read_data_file(const std::string& path);

/// The longest line that a data file may have.
inline constexpr std::size_t kMaxLineBytes = std::size_t{1} << 26;

/// "train.tsv:17", how every message says where.
std::string at_line(const std::string& path, std::int64_t line);

}  // namespace retort
