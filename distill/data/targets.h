// Labels that aren't one name per row: sets of names, and numbers.
//
// In a table they are one column with parts between | ("hate|threat", "3.5"; empty: no label), a
// list in JSON lines, or several columns (TableOptions::label_columns): 0 or 1 for each label, or a
// number each.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "distill/data/labels.h"

namespace retort {

/// What stands between two labels of a row.
inline constexpr char kLabelSeparator = '|';
/// The parts of a row's label, none for an empty one.
std::vector<std::string> label_parts(const std::string& label);

/// The labels of sets in tables: the columns' names where there are several, else all names that
/// occur, ordered as LabelMap::from_tables does. Errors: no name, columns that differ between
/// tables.
LabelMap labels_of_sets(std::span<const Table* const> tables);

/// 1 where a row has the label, else 0: [rows, labels.size()], row by row. Errors, with file and
/// line: a label that isn't known, a column that isn't 0 or 1 or that is missing, a row without
/// label.
std::vector<float> set_targets(const Table& table, const LabelMap& labels);

/// `columns` numbers of each row. Errors, with file and line: another number of them, something
/// that isn't a finite number.
std::vector<float> number_targets(const Table& table, std::int64_t columns);

}  // namespace retort
