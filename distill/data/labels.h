// Label maps: which id each label has, as config.json keeps it (id2label, label2id).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "distill/data/table.h"
#include "tensor/base/json.h"

namespace retort {

class LabelMap {
 public:
  LabelMap() = default;  // no labels

  /// Names in id order. Errors: none, a name twice.
  explicit LabelMap(std::vector<std::string> names);

  /// transformers' placeholders, LABEL_0 to LABEL_<n - 1>. Errors: n < 1.
  static LabelMap placeholders(std::int64_t n);

  /// From the labels of tables (training data first). Labels that are all integers are ids as they
  /// are: with `num_labels` they must lie in [0, num_labels), without in [0, number of different
  /// labels), so that none is missing between. Otherwise the names are sorted by their bytes;
  /// `num_labels`, where given, must be their number. Errors name file, line and label; so do fewer
  /// than two labels and rows without label.
  static LabelMap from_tables(std::span<const Table* const> tables, std::int64_t num_labels = 0);

  /// From a config.json: id2label, else label2id, else num_labels placeholders, else two of them,
  /// as transformers does. Errors, starting with `name` (the file): ids that aren't 0 .. n - 1, a
  /// name twice, id2label and label2id that contradict each other.
  static LabelMap from_config(const Json& config, const std::string& name);

  std::int64_t size() const { return static_cast<std::int64_t>(names_.size()); }
  const std::vector<std::string>& names() const { return names_; }
  /// Errors: an id outside [0, size()).
  const std::string& name(std::int64_t id) const;

  /// The id of a label as a file spells it: its name's; or, for a label that is an integer and no
  /// name, that integer where it lies in [0, size()).
  std::optional<std::int64_t> find(std::string_view label) const;

  /// The ids of all rows. When the file has integers where the map has names, `warnings` (if given)
  /// gets a sentence that says which is taken for which. Errors: a row without label, a label that
  /// find() doesn't know, with file and line.
  std::vector<std::int64_t> ids(const Table& table,
                                std::vector<std::string>* warnings = nullptr) const;

  /// Whether every name is a placeholder (LABEL_<id>): a head whose labels nobody has named.
  bool is_placeholder() const;

  /// {"0": name, ...} and {name: 0, ...}.
  Json id2label() const;
  Json label2id() const;

  /// Null when both give the same ids the same names ("LABEL_1" and "1" at id 1 count as the same);
  /// otherwise a sentence about the first difference, in which the maps are called `ours` and
  /// `theirs`.
  std::optional<std::string> first_difference(const LabelMap& other, std::string_view ours,
                                              std::string_view theirs) const;

  bool operator==(const LabelMap& other) const { return names_ == other.names_; }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::int64_t> ids_;
};

}  // namespace retort
