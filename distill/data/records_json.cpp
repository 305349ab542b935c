// Rows of JSON lines: an object per line, the columns being the keys of the first.
#include <cmath>

#include "distill/data/records.h"
#include "distill/data/targets.h"
#include "distill/data/text.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {
namespace {

class JsonLinesReader final : public RecordReader {
 public:
  JsonLinesReader(std::string_view text, std::string path) : text_(text), path_(std::move(path)) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    skip_empty_lines();
    header_ = text_.substr(0, at_);
    check(at_ < text_.size(), at_line(path_, line_),
          ": has no rows; expected a JSON object per line");
    const Json first = parse(line());
    for (const auto& member : first.as_object(path_)) columns_.push_back(member.first);
    check(!columns_.empty(), at_line(path_, line_), ": the first object has no keys");
  }

  bool next(Record& record) override {
    skip_empty_lines();
    if (at_ >= text_.size()) return false;
    record.line = line_;
    record.raw = line();
    record.fields.clear();
    record.lists.clear();
    const Json row = parse(record.raw);
    for (const auto& column : columns_) {
      const Json* value = row.find(column);
      record.lists.push_back(value && value->is_array());
      record.fields.push_back(record.lists.back() ? list(*value, column) : field(value, column));
    }
    at_ += record.raw.size();
    ++line_;
    return true;
  }

 private:
  std::string_view line() const {
    const auto line_end = text_.find('\n', at_);
    return text_.substr(at_, line_end == std::string_view::npos ? line_end : line_end + 1 - at_);
  }

  void skip_empty_lines() {
    while (at_ < text_.size() && line().find_first_not_of(" \t\r\n") == std::string_view::npos) {
      at_ += line().size();
      ++line_;
    }
  }

  Json parse(std::string_view bytes) const {
    Json row = Json::parse(bytes, at_line(path_, line_));
    check(row.is_object(), at_line(path_, line_), ": expected a JSON object, found a ", row.kind());
    return row;
  }

  // The items with separators between them; a list of others than such items is as good as absent.
  std::optional<std::string> list(const Json& items, const std::string& column) const {
    std::string joined;
    bool first = true;
    for (const Json& item : items.as_array(column)) {
      const auto text = field(&item, column);
      if (!text || text->empty() || text->find(kLabelSeparator) != std::string::npos)
        return std::nullopt;
      joined += (first ? "" : std::string(1, kLabelSeparator)) + *text;
      first = false;
    }
    return joined;
  }

  // Strings as they are, numbers as digits (2 and 2.0 are both "2"), truth values as true and
  // false. An object is no text and no label: as good as absent.
  std::optional<std::string> field(const Json* value, const std::string& column) const {
    if (!value || value->is_null() || value->is_array() || value->is_object()) return std::nullopt;
    if (value->is_string()) {
      const std::string& text = value->as_string(column);
      check(text.find('\0') == std::string::npos, at_line(path_, line_),
            ": holds a NUL character under ", quote_for_message(column));
      return text;
    }
    if (value->is_number()) {
      const double number = value->as_number(column);
      if (number == std::floor(number) && std::abs(number) < 0x1p53)
        return std::to_string(value->as_integer(column));
    }
    return value->dump();
  }

  std::string_view text_;
  std::string path_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace

std::unique_ptr<RecordReader> make_json_lines_reader(std::string_view text,
                                                     const std::string& path) {
  return std::make_unique<JsonLinesReader>(text, path);
}

}  // namespace retort
