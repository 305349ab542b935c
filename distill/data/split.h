// retort data split: the rows of one file dealt out to several, byte for byte.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "distill/data/table.h"

namespace retort {

struct SplitPart {
  std::string name;     ///< the file's name without extension: letters, digits, '-', '_', '.'
  double fraction = 0;  ///< in (0, 1]
};

/// "train=0.8,dev=0.1,test=0.1". Errors: another form, a name twice or unfit for a file, fractions
/// that aren't positive or don't add up to 1 (to 1e-6).
std::vector<SplitPart> parse_parts(std::string_view text);

struct SplitOptions {
  std::filesystem::path input;
  TableFormat format = TableFormat::automatic;
  std::vector<SplitPart> parts;
  std::uint64_t seed = 42;
  std::string stratify_column;           ///< empty: none
  std::string text_column, pair_column;  ///< for the warning about shared texts; empty: recognised
  std::filesystem::path out;
  bool overwrite = false;  ///< false: a part's file that exists already is an error
};

struct SplitResult {
  struct Part {
    std::string name;
    std::filesystem::path path;
    std::int64_t rows = 0;
  };
  std::vector<Part> parts;
  std::vector<std::string> warnings;  ///< each one line for the user
};

/// Deals the rows out. A part's file is OUT/<name> with the extension of its format (.tsv for
/// tab-separated input, .txt included; .csv and .jsonl stay what they are, since their rows would
/// mean something else under .tsv) and holds the header, if the format has one, and its rows as
/// they stand in the input, in the input's order; only a missing line end after the input's last
/// row is added.
///
/// Every part gets its share of the rows to within a row or two; with a stratify column also its
/// share of every value. The same input, parts and seed give the same files everywhere.
///
/// Warnings: damaged rows (left out, as read_table does), texts that stand in more than one part
/// (whole rows' texts and, for pairs, single ones), a part without rows. Errors: those of
/// read_table; no such column; a file that is there already or is the input. All parts are made
/// before the first is written.
SplitResult split_table(const SplitOptions& options);

}  // namespace retort
