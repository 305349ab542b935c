// What the record readers of all formats share: choosing one, and checking the bytes of a file.
#include "distill/data/records.h"

#include <algorithm>
#include <filesystem>

#include "distill/data/text.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"

namespace retort {
namespace {

// With fewer good rows for each damaged one, a file is taken to be of another format.
constexpr std::int64_t kGoodRowsPerDamaged = 9;

std::int64_t line_of(std::string_view text, std::size_t offset) {
  return 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
}

}  // namespace

std::string at_line(const std::string& path, std::int64_t line) {
  return path + ":" + std::to_string(line);
}

TableFormat table_format(const std::string& path, TableFormat format) {
  if (format != TableFormat::automatic) return format;
  std::string extension = std::filesystem::path(path).extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  if (extension == ".tsv" || extension == ".txt") return TableFormat::tsv;
  if (extension == ".csv") return TableFormat::csv;
  if (extension == ".jsonl") return TableFormat::jsonl;
  fail(path, ": the extension ", quote_for_message(extension),
       " doesn't say the format; expected .tsv, .txt, .csv or .jsonl, or --format "
       "tsv|tsv-quoted|csv|jsonl");
}

std::unique_ptr<RecordReader> make_record_reader(std::string_view text, const std::string& path,
                                                 TableFormat format) {
  switch (table_format(path, format)) {
    case TableFormat::csv:
      return make_quoted_reader(text, path, ',');
    case TableFormat::tsv_quoted:
      return make_quoted_reader(text, path, '\t');
    case TableFormat::jsonl:
      return make_json_lines_reader(text, path);
    default:
      return make_plain_reader(text, path);
  }
}

bool DamagedRows::count(const Record& record) {
  if (record.fields.size() == columns_) return false;
  if (damaged_++ == 0)
    first_ = at_line(path_, record.line) + ": has " + std::to_string(record.fields.size()) +
             (record.fields.size() == 1 ? " field" : " fields") + " where the header has " +
             std::to_string(columns_);
  return true;
}

void DamagedRows::finish(std::int64_t good, std::vector<std::string>& warnings) const {
  check(damaged_ == 0 || good > 0, first_, ", and no row fits the header; is --format right?");
  check(damaged_ <= 1 || damaged_ * kGoodRowsPerDamaged <= good, first_, ", and so do ",
        damaged_ - 1, " more of ", damaged_ + good, " rows not fit the header; is --format right?");
  if (damaged_ > 0)
    warnings.push_back(first_ + "; skipped " + std::to_string(damaged_) +
                       (damaged_ == 1 ? " such row" : " such rows"));
}

std::string read_data_file(const std::string& path) {
  std::string text = read_file(path);
  check(!text.empty(), path, ": is empty; expected a header line and rows");
  check(!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF"), at_line(path, 1),
        ": is UTF-16; convert the file to UTF-8");
  if (const auto at = text.find('\0'); at != std::string::npos)
    fail(at_line(path, line_of(text, at)), ": holds a NUL byte; expected a text file in UTF-8");
  if (const auto at = find_invalid_utf8(text); at != std::string_view::npos)
    fail(at_line(path, line_of(text, at)), ": is not valid UTF-8 (byte ", at + 1,
         " of the file); convert the file to UTF-8");
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    if (end - begin > kMaxLineBytes)
      fail(at_line(path, line_of(text, begin)), ": is a line of ", end - begin, " bytes; at most ",
           kMaxLineBytes, " are read");
    begin = end + 1;
  }
  return text;
}

}  // namespace retort
