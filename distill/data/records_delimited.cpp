// Rows of tab- and comma-separated files, with and without quoting.
#include <algorithm>

#include "distill/data/records.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

// What both have in common: a position, a line number, and a first record that names the columns.
class DelimitedReader : public RecordReader {
 public:
  DelimitedReader(std::string_view text, std::string path) : text_(text), path_(std::move(path)) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    // Empty lines at the end are no rows.
    end_ = text_.size();
    while (end_ > at_ && (text_[end_ - 1] == '\n' || text_[end_ - 1] == '\r')) --end_;
    if (end_ < text_.size()) {  // but the last row keeps its own line end
      if (text_[end_] == '\r' && end_ + 1 < text_.size() && text_[end_ + 1] == '\n') ++end_;
      if (text_[end_] == '\n') ++end_;
    }
  }

  bool next(Record& record) override {
    if (at_ >= end_) return false;
    const std::size_t begin = at_;
    record.line = line_;
    record.fields.clear();
    read_row(record);
    record.raw = text_.substr(begin, at_ - begin);
    line_ += std::count(record.raw.begin(), record.raw.end(), '\n');
    return true;
  }

 protected:
  // Appends the fields of the row at at_ and moves at_ behind its line end.
  virtual void read_row(Record& record) = 0;

  void read_header() {
    Record first;
    const bool found = next(first) && !(first.fields.size() == 1 && first.fields[0]->empty());
    check(found, at_line(path_, 1), ": is empty; expected a line that names the columns");
    for (auto& field : first.fields) columns_.push_back(std::move(*field));
    header_ = text_.substr(0, at_);
  }

  std::string_view text_;
  std::string path_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::int64_t line_ = 1;
};

class PlainReader final : public DelimitedReader {
 public:
  PlainReader(std::string_view text, std::string path) : DelimitedReader(text, std::move(path)) {
    read_header();
  }

 private:
  void read_row(Record& record) override {
    const std::size_t line_end = std::min(text_.find('\n', at_), end_);
    std::string_view line = text_.substr(at_, line_end - at_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    for (std::size_t begin = 0;;) {
      const std::size_t tab = std::min(line.find('\t', begin), line.size());
      record.fields.emplace_back(std::string(line.substr(begin, tab - begin)));
      if (tab == line.size()) break;
      begin = tab + 1;
    }
    at_ = std::min(line_end + 1, end_);
  }
};

// RFC 4180. More lenient in one point, as most readers are: a quote inside a field that doesn't
// begin with one is an ordinary character.
class QuotedReader final : public DelimitedReader {
 public:
  QuotedReader(std::string_view text, std::string path, char delimiter)
      : DelimitedReader(text, std::move(path)), delimiter_(delimiter) {
    read_header();
  }

 private:
  void read_row(Record& record) override {
    const std::size_t row_begin = at_;
    for (;;) {
      std::string field;
      if (at_ < end_ && text_[at_] == '"') read_quoted(field, row_begin);
      else read_bare(field);
      record.fields.emplace_back(std::move(field));
      if (at_ >= end_) return;
      if (text_[at_] == delimiter_) {
        ++at_;
        continue;
      }
      at_ += text_[at_] == '\r' ? 2 : 1;
      return;
    }
  }

  bool at_row_end(std::size_t at) const {
    return at >= end_ || text_[at] == '\n' ||
           (text_[at] == '\r' && at + 1 < end_ && text_[at + 1] == '\n');
  }

  void read_bare(std::string& field) {
    const std::size_t begin = at_;
    while (!at_row_end(at_) && text_[at_] != delimiter_) ++at_;
    field = text_.substr(begin, at_ - begin);
  }

  void read_quoted(std::string& field, std::size_t row_begin) {
    const std::size_t begin = at_++;
    for (;;) {
      const std::size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos || quote >= end_)
        fail(at_line(path_, line_at(row_begin, begin)),
             ": a quoted field begins here and never ends; if a quote is an ordinary character in "
             "this file, give --format tsv");
      field += text_.substr(at_, quote - at_);
      at_ = quote + 1;
      if (at_ < end_ && text_[at_] == '"') {  // a doubled quote
        field += '"';
        ++at_;
        continue;
      }
      if (!at_row_end(at_) && text_[at_] != delimiter_)
        fail(at_line(path_, line_at(row_begin, at_)),
             ": expected a separator or the end of the line after a closing quote");
      return;
    }
  }

  std::int64_t line_at(std::size_t row_begin, std::size_t at) const {
    const auto row = text_.substr(row_begin, at - row_begin);
    return line_ + std::count(row.begin(), row.end(), '\n');
  }

  char delimiter_;
};

}  // namespace

std::unique_ptr<RecordReader> make_plain_reader(std::string_view text, const std::string& path) {
  return std::make_unique<PlainReader>(text, path);
}

std::unique_ptr<RecordReader> make_quoted_reader(std::string_view text, const std::string& path,
                                                 char delimiter) {
  return std::make_unique<QuotedReader>(text, path, delimiter);
}

}  // namespace retort
