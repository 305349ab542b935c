// Building, reading and comparing label maps.
#include "distill/data/labels.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "distill/data/records.h"
#include "distill/data/text.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

// More different labels than this are no classes but texts.
constexpr std::size_t kMostLabels = 8192;

// The value of a decimal integer in its usual spelling ("7", "-1"; not "07", "+7", "7.0").
std::optional<std::int64_t> as_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size())
    return std::nullopt;
  if (std::to_string(value) != text) return std::nullopt;
  return value;
}

std::string placeholder(std::int64_t id) { return "LABEL_" + std::to_string(id); }

// A name without the placeholder's prefix, so that "LABEL_1" and "1" are the same at id 1.
std::string_view plain_name(const std::string& name, std::int64_t id) {
  if (name == placeholder(id)) return std::string_view(name).substr(6);
  return name;
}

std::string list_names(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 10;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i)
    out += (i > 0 ? ", " : "") + quote_for_message(names[i]);
  if (names.size() > kMost) out += " and " + std::to_string(names.size() - kMost) + " more";
  return out;
}

const std::string& label_of(const Table& table, const Row& row) {
  check(row.label.has_value(), at_line(table.path, row.line), ": has no label");
  return *row.label;
}

// Names in id order from (name, id) pairs that must cover 0 .. n - 1.
std::vector<std::string> in_id_order(const std::vector<std::pair<std::string, std::int64_t>>& pairs,
                                     const std::string& what) {
  std::vector<std::string> names(pairs.size());
  std::vector<bool> seen(pairs.size());
  for (const auto& [name, id] : pairs) {
    const bool inside = id >= 0 && id < static_cast<std::int64_t>(pairs.size());
    check(inside, what, ": expected the ids 0 to ", pairs.size() - 1, ", found ", id);
    const auto at = static_cast<std::size_t>(id);
    check(!seen[at], what, ": has the id ", id, " twice");
    seen[at] = true;
    names[at] = name;
  }
  return names;
}

std::vector<std::string> read_id2label(const Json& map, const std::string& what) {
  std::vector<std::pair<std::string, std::int64_t>> pairs;
  for (const auto& [key, value] : map.as_object(what)) {
    const auto id = as_integer(key);
    check(id.has_value(), what, ": expected an id as key, found ", quote_for_message(key));
    check(value.is_string() || value.is_integer(), what, ": expected a string for ",
          quote_for_message(key), ", found a ", value.kind());
    pairs.emplace_back(value.is_string() ? value.as_string(what) : value.dump(), *id);
  }
  return in_id_order(pairs, what);
}

std::vector<std::string> read_label2id(const Json& map, const std::string& what) {
  std::vector<std::pair<std::string, std::int64_t>> pairs;
  for (const auto& [key, value] : map.as_object(what))
    pairs.emplace_back(key, value.as_integer(what));
  return in_id_order(pairs, what);
}

bool has_entries(const Json* value) {
  return value && !value->is_null() && !(value->is_object() && value->as_object("").empty());
}

}  // namespace

LabelMap::LabelMap(std::vector<std::string> names) : names_(std::move(names)) {
  check(!names_.empty() && names_.size() <= kMostLabels, "labels: expected 1 to ", kMostLabels,
        " labels, found ", names_.size());
  for (std::size_t id = 0; id < names_.size(); ++id) {
    const auto [entry, fresh] = ids_.emplace(names_[id], static_cast<std::int64_t>(id));
    check(fresh, "labels: the name ", quote_for_message(names_[id]), " stands for two ids, ",
          entry->second, " and ", id);
  }
}

LabelMap LabelMap::placeholders(std::int64_t n) {
  check(n >= 1 && n <= static_cast<std::int64_t>(kMostLabels), "labels: expected 1 to ",
        kMostLabels, " labels, found ", n);
  std::vector<std::string> names;
  for (std::int64_t id = 0; id < n; ++id) names.push_back(placeholder(id));
  return LabelMap(std::move(names));
}

LabelMap LabelMap::from_tables(std::span<const Table* const> tables, std::int64_t num_labels) {
  struct Where {
    const Table* table;
    std::int64_t line;
  };
  std::map<std::string, Where> first_seen;  // sorted by bytes
  for (const Table* table : tables)
    for (const Row& row : table->rows) {
      first_seen.try_emplace(label_of(*table, row), Where{table, row.line});
      check(first_seen.size() <= kMostLabels, at_line(table->path, row.line), ": more than ",
            kMostLabels, " different labels; is ", quote_for_message(table->label_column),
            " the label column?");
    }
  check(!first_seen.empty(), "labels: there are no rows to take labels from");
  const bool integers = std::all_of(first_seen.begin(), first_seen.end(), [](const auto& seen) {
    return as_integer(seen.first).has_value();
  });
  const auto different = static_cast<std::int64_t>(first_seen.size());
  const std::string& first_path = first_seen.begin()->second.table->path;
  if (num_labels == 0)
    check(different >= 2, first_path, ": every row has the label ",
          quote_for_message(first_seen.begin()->first), "; expected at least two labels");
  std::vector<std::string> names;
  if (integers) {
    const std::int64_t n = num_labels > 0 ? num_labels : different;
    for (const auto& [label, where] : first_seen) {
      const std::int64_t id = *as_integer(label);
      check(id >= 0 && id<n, at_line(where.table->path, where.line), ": has the label ", id,
                          "; integer labels are ids and must be 0 to ", n - 1, num_labels> 0
                ? " (the number of labels given)"
                : " (so many labels occur)");
    }
    for (std::int64_t id = 0; id < n; ++id) names.push_back(std::to_string(id));
  } else {
    for (const auto& seen : first_seen) names.push_back(seen.first);
    check(num_labels == 0 || num_labels == different, first_path, ": has ", different,
          " different labels where ", num_labels, " are expected: ", list_names(names));
  }
  return LabelMap(std::move(names));
}

LabelMap LabelMap::from_config(const Json& config, const std::string& name) {
  const Json* id2label = config.find("id2label");
  const Json* label2id = config.find("label2id");
  try {
    if (has_entries(id2label)) {
      LabelMap map(read_id2label(*id2label, name + ": id2label"));
      if (has_entries(label2id)) {
        const LabelMap other(read_label2id(*label2id, name + ": label2id"));
        const auto difference = map.first_difference(other, "id2label", "label2id");
        check(!difference, name, ": ", difference.value_or(""));
      }
      return map;
    }
    if (has_entries(label2id)) return LabelMap(read_label2id(*label2id, name + ": label2id"));
    return placeholders(config.get("num_labels", std::int64_t{2}));
  } catch (const Error& error) {
    // Messages of the constructor don't know the file.
    const std::string message = error.what();
    fail(message.starts_with(name) ? message : name + ": " + message);
  }
}

const std::string& LabelMap::name(std::int64_t id) const {
  check(id >= 0 && id < size(), "labels: expected an id from 0 to ", size() - 1, ", found ", id);
  return names_[static_cast<std::size_t>(id)];
}

std::optional<std::int64_t> LabelMap::find(std::string_view label) const {
  if (const auto found = ids_.find(std::string(label)); found != ids_.end()) return found->second;
  if (const auto id = as_integer(label); id && *id >= 0 && *id < size()) return id;
  return std::nullopt;
}

std::vector<std::int64_t> LabelMap::ids(const Table& table,
                                        std::vector<std::string>* warnings) const {
  std::vector<std::int64_t> out;
  out.reserve(table.rows.size());
  bool by_number = false;
  for (const Row& row : table.rows) {
    const std::string& label = label_of(table, row);
    const auto id = find(label);
    check(id.has_value(), at_line(table.path, row.line), ": has the label ",
          quote_for_message(label), "; expected one of ", list_names(names_));
    by_number |= plain_name(names_[static_cast<std::size_t>(*id)], *id) != label &&
                 names_[static_cast<std::size_t>(*id)] != label;
    out.push_back(*id);
  }
  if (by_number && warnings) {
    std::string taken;
    for (std::size_t i = 0; i < std::min<std::size_t>(names_.size(), 10); ++i)
      taken += (i > 0 ? ", " : "") + std::to_string(i) + " = " + quote_for_message(names_[i]);
    warnings->push_back(table.path + ": has numbers as labels, taken as the model's ids: " + taken);
  }
  return out;
}

bool LabelMap::is_placeholder() const {
  for (std::int64_t id = 0; id < size(); ++id)
    if (names_[static_cast<std::size_t>(id)] != placeholder(id)) return false;
  return !names_.empty();
}

Json LabelMap::id2label() const {
  Json map = Json::Object{};
  for (std::size_t id = 0; id < names_.size(); ++id) map[std::to_string(id)] = names_[id];
  return map;
}

Json LabelMap::label2id() const {
  Json map = Json::Object{};
  for (std::size_t id = 0; id < names_.size(); ++id) map[names_[id]] = id;
  return map;
}

std::optional<std::string> LabelMap::first_difference(const LabelMap& other, std::string_view ours,
                                                      std::string_view theirs) const {
  const std::int64_t shared = std::min(size(), other.size());
  for (std::int64_t id = 0; id < shared; ++id) {
    const auto& mine = names_[static_cast<std::size_t>(id)];
    const auto& yours = other.names_[static_cast<std::size_t>(id)];
    if (plain_name(mine, id) == plain_name(yours, id)) continue;
    return "label " + std::to_string(id) + " is " + quote_for_message(mine) + " in " +
           std::string(ours) + " and " + quote_for_message(yours) + " in " + std::string(theirs);
  }
  if (size() == other.size()) return std::nullopt;
  return std::string(ours) + " has " + std::to_string(size()) + " labels and " +
         std::string(theirs) + " has " + std::to_string(other.size());
}

}  // namespace retort
