// Dealing rows out to parts, and looking for texts that stand in two of them.
#include "distill/data/split.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>

#include "distill/data/records.h"
#include "distill/data/text.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/philox.h"

namespace retort {
namespace {

constexpr std::uint32_t kSplitSite = 0x53504C54u;  // tells this stream from others of the same seed
constexpr std::size_t kMostParts = 100;

struct SplitRow {
  std::string_view raw;
  std::int64_t line = 0;
  std::string stratum, text, pair;
};

bool fit_for_a_file_name(std::string_view name) {
  if (name.empty() || name[0] == '.' || name[0] == '-' || name.size() > 100) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

// Which part each row goes to. The rows are shuffled, brought together by stratum, and each goes to
// the part that is then furthest behind its share of the rows seen: so every stratum is shared out
// in the parts' proportions, and what doesn't divide evenly in one is made up for in the next.
std::vector<std::size_t> assign_parts(const std::vector<SplitRow>& rows,
                                      const std::vector<SplitPart>& parts, std::uint64_t seed) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  RandomStream random(seed, kSplitSite);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rows[a].stratum < rows[b].stratum; });
  std::vector<std::size_t> part_of(rows.size());
  std::vector<double> given(parts.size());
  double seen = 0;
  for (const std::size_t row : order) {
    seen += 1;
    std::size_t neediest = 0;
    double most = -1e300;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const double behind = parts[p].fraction * seen - given[p];
      if (behind > most + 1e-9) {  // equal needs, but for rounding: the part named first
        most = behind;
        neediest = p;
      }
    }
    given[neediest] += 1;
    part_of[row] = neediest;
  }
  return part_of;
}

// Counts keys that occur in two parts; remembers the first such.
class Overlap {
 public:
  void add(const std::string& key, std::string_view shown, std::size_t part, std::int64_t line) {
    const auto [entry, fresh] = first_.try_emplace(key, Place{part, line, false});
    Place& place = entry->second;
    if (fresh || place.part == part || place.counted) return;
    place.counted = true;
    if (count_++ == 0) {
      example_ = quote_for_message(shown);
      one_ = {place.part, place.line, true};
      two_ = {part, line, true};
    }
  }
  std::int64_t count() const { return count_; }
  std::string sentence(const std::string& path, const std::string& what,
                       const std::vector<SplitPart>& parts) const {
    return path + ": " + std::to_string(count_) + " " + what +
           (count_ == 1 ? " stands" : "s stand") + " in more than one part, such as " + example_ +
           " (line " + std::to_string(one_.line) + ", in " + parts[one_.part].name + ", and line " +
           std::to_string(two_.line) + ", in " + parts[two_.part].name + ")";
  }

 private:
  struct Place {
    std::size_t part;
    std::int64_t line;
    bool counted;
  };
  std::unordered_map<std::string, Place> first_;
  std::int64_t count_ = 0;
  std::string example_;
  Place one_{}, two_{};
};

void warn_of_overlap(const std::vector<SplitRow>& rows, const std::vector<std::size_t>& part_of,
                     const SplitOptions& options, bool has_texts, bool has_pairs,
                     std::vector<std::string>& warnings) {
  Overlap whole, single;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    if (!has_texts) {
      whole.add(std::string(row.raw), row.raw, part_of[i], row.line);
    } else {
      // No text holds a NUL, so the key is unambiguous.
      whole.add(has_pairs ? row.text + '\0' + row.pair : row.text, row.text, part_of[i], row.line);
      if (has_pairs) {
        single.add(row.text, row.text, part_of[i], row.line);
        single.add(row.pair, row.pair, part_of[i], row.line);
      }
    }
  }
  const std::string path = options.input.string();
  const std::string what = has_texts ? (has_pairs ? "pair" : "text") : "row";
  if (whole.count() > 0) warnings.push_back(whole.sentence(path, what, options.parts));
  if (single.count() > 0) warnings.push_back(single.sentence(path, "single text", options.parts));
}

const char* extension_of(TableFormat format) {
  switch (format) {
    case TableFormat::csv:
      return ".csv";
    case TableFormat::jsonl:
      return ".jsonl";
    default:
      return ".tsv";
  }
}

// Where the parts go; before anything is written.
std::vector<std::filesystem::path> part_paths(const SplitOptions& options, TableFormat format) {
  std::vector<std::filesystem::path> paths;
  for (const auto& part : options.parts) {
    const auto path = options.out / (part.name + extension_of(format));
    std::error_code error;
    if (std::filesystem::exists(path, error)) {
      check(!std::filesystem::equivalent(path, options.input, error), path.string(),
            ": is the input itself; choose another --out");
      check(options.overwrite, path.string(),
            ": is there already; choose another --out or give --overwrite");
    }
    paths.push_back(path);
  }
  return paths;
}

}  // namespace

std::vector<SplitPart> parse_parts(std::string_view text) {
  const std::string usage =
      "parts: expected NAME=FRACTION,... such as train=0.8,dev=0.1,test=0.1, found ";
  std::vector<SplitPart> parts;
  double sum = 0;
  for (std::size_t begin = 0;;) {
    const auto end = std::min(text.find(',', begin), text.size());
    const auto item = text.substr(begin, end - begin);
    const auto equals = item.find('=');
    check(equals != std::string_view::npos, usage, quote_for_message(text));
    SplitPart part;
    part.name = item.substr(0, equals);
    check(fit_for_a_file_name(part.name), "parts: ", quote_for_message(part.name),
          " can't be a file's name; expected letters, digits, '-', '_' and '.'");
    for (const auto& earlier : parts)
      check(earlier.name != part.name, "parts: ", quote_for_message(part.name), " is there twice");
    const auto number = item.substr(equals + 1);
    const auto result =
        std::from_chars(number.data(), number.data() + number.size(), part.fraction);
    check(
        !number.empty() && result.ec == std::errc() && result.ptr == number.data() + number.size(),
        usage, quote_for_message(text));
    check(part.fraction > 0 && part.fraction <= 1, "parts: the fraction of ",
          quote_for_message(part.name), " must lie above 0 and be at most 1, found ",
          part.fraction);
    sum += part.fraction;
    parts.push_back(std::move(part));
    check(parts.size() <= kMostParts, "parts: expected at most ", kMostParts, " parts");
    if (end == text.size()) break;
    begin = end + 1;
  }
  check(std::abs(sum - 1) <= 1e-6, "parts: the fractions must add up to 1, found ", sum);
  return parts;
}

SplitResult split_table(const SplitOptions& options) {
  check(!options.parts.empty(), "parts: expected at least one part");
  const std::string path = options.input.string();
  const TableFormat format = table_format(path, options.format);
  const std::string text = read_data_file(path);
  const auto reader = make_record_reader(text, path, format);
  TableOptions columns;
  columns.text_column = options.text_column;
  columns.pair_column = options.pair_column;
  columns.label_column = options.stratify_column;
  columns.label_required = !options.stratify_column.empty();
  const TableColumns at = find_columns(reader->columns(), columns, path, false);
  const bool stratified = !options.stratify_column.empty();

  SplitResult result;
  std::vector<SplitRow> rows;
  DamagedRows damaged(path, reader->columns().size());
  Record record;
  while (reader->next(record)) {
    if (damaged.count(record)) continue;
    const auto field = [&](int column) {
      return column < 0 ? std::string()
                        : record.fields[static_cast<std::size_t>(column)].value_or("");
    };
    rows.push_back({record.raw, record.line, stratified ? field(at.label) : std::string(),
                    field(at.text), field(at.pair)});
  }
  damaged.finish(static_cast<std::int64_t>(rows.size()), result.warnings);
  check(!rows.empty(), path, ": has no rows");

  const auto part_of = assign_parts(rows, options.parts, options.seed);
  warn_of_overlap(rows, part_of, options, at.text >= 0, at.pair >= 0, result.warnings);
  std::vector<std::string> contents(options.parts.size(), std::string(reader->header()));
  std::vector<std::int64_t> counts(options.parts.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string& content = contents[part_of[i]];
    content += rows[i].raw;
    if (content.back() != '\n') content += '\n';
    ++counts[part_of[i]];
  }

  const auto paths = part_paths(options, format);
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  check(!error, options.out.string(), ": can't be made: ", error.message());
  for (std::size_t p = 0; p < paths.size(); ++p) {
    replace_file(paths[p], contents[p]);
    result.parts.push_back({options.parts[p].name, paths[p], counts[p]});
    if (counts[p] == 0)
      result.warnings.push_back(paths[p].string() + ": gets no rows of " +
                                std::to_string(rows.size()));
  }
  if (format == TableFormat::tsv_quoted)
    result.warnings.push_back(options.out.string() +
                              ": the parts keep their quotes; read them with --format tsv-quoted");
  return result;
}

}  // namespace retort
