#include "distill/data/targets.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "distill/data/records.h"
#include "distill/data/text.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

const std::string& label_of(const Table& table, const Row& row) {
  check(row.label.has_value(), at_line(table.path, row.line), ": has no label");
  return *row.label;
}

// The parts of a row that has one for each of the table's label columns.
std::vector<std::string> cells_of(const Table& table, const Row& row) {
  std::vector<std::string> cells = label_parts(label_of(table, row));
  check(cells.size() == table.label_columns.size(), at_line(table.path, row.line), ": has ",
        cells.size(), " labels; expected one for each of the columns ",
        listed(table.label_columns));
  return cells;
}

}  // namespace

std::vector<std::string> label_parts(const std::string& label) {
  std::vector<std::string> parts;
  if (label.empty()) return parts;
  for (std::size_t begin = 0; begin <= label.size();) {
    const std::size_t end = std::min(label.find(kLabelSeparator, begin), label.size());
    parts.push_back(label.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

LabelMap labels_of_sets(std::span<const Table* const> tables) {
  check(!tables.empty(), "labels: there are no rows to take labels from");
  const std::vector<std::string>& columns = tables.front()->label_columns;
  for (const Table* table : tables)
    check(table->label_columns == columns, table->path, ": has the label columns ",
          listed(table->label_columns), " and ", tables.front()->path, " has ", listed(columns));
  if (!columns.empty()) return LabelMap(columns);
  // One row for each different name, so that a map of single labels can be made of them.
  Table names;
  names.path = tables.front()->path;
  std::set<std::string> seen;
  for (const Table* table : tables)
    for (const Row& row : table->rows)
      for (std::string& part : label_parts(label_of(*table, row)))
        if (seen.insert(part).second) names.rows.push_back({{}, {}, std::move(part), row.line});
  check(!names.rows.empty(), names.path, ": no row has a label");
  const Table* one = &names;
  return LabelMap::from_tables({&one, 1}, static_cast<std::int64_t>(seen.size()));
}

std::vector<float> set_targets(const Table& table, const LabelMap& labels) {
  const auto columns = static_cast<std::size_t>(labels.size());
  std::vector<float> targets(table.rows.size() * columns);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const Row& row = table.rows[i];
    const auto set = [&](const std::string& name) {
      const auto id = labels.find(name);
      check(id.has_value(), at_line(table.path, row.line), ": has the label ",
            quote_for_message(name), "; expected some of ", listed(labels.names()));
      targets[i * columns + static_cast<std::size_t>(*id)] = 1;
    };
    if (table.label_columns.empty()) {
      for (const std::string& part : label_parts(label_of(table, row))) set(part);
      continue;
    }
    check(table.label_columns.size() == columns, table.path, ": has ", table.label_columns.size(),
          " label columns; the model has the labels ", listed(labels.names()));
    const std::vector<std::string> cells = cells_of(table, row);
    for (std::size_t c = 0; c < cells.size(); ++c) {
      check(cells[c] == "0" || cells[c] == "1", at_line(table.path, row.line), ": expected 0 or 1 ",
            "under ", quote_for_message(table.label_columns[c]), ", found ",
            quote_for_message(cells[c]));
      if (cells[c] == "1") set(table.label_columns[c]);
    }
  }
  return targets;
}

std::vector<float> number_targets(const Table& table, std::int64_t columns) {
  std::vector<float> targets;
  for (const Row& row : table.rows) {
    const std::vector<std::string> parts = label_parts(label_of(table, row));
    check(static_cast<std::int64_t>(parts.size()) == columns, at_line(table.path, row.line),
          ": has ", parts.size(), " numbers as label; expected ", columns);
    for (const std::string& part : parts) {
      float number = 0;
      const char* end = part.data() + part.size();
      const auto result = std::from_chars(part.data(), end, number);
      check(result.ec == std::errc() && result.ptr == end && std::isfinite(number),
            at_line(table.path, row.line), ": expected a number as label, found ",
            quote_for_message(part));
      targets.push_back(number);
    }
  }
  return targets;
}

}  // namespace retort
