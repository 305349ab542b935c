// retort data tickets, retort data support-desk and retort data split.
#include <cstdio>

#include "distill/data/split.h"
#include "distill/data/tickets.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tools/arguments.h"
#include "tools/commands.h"

namespace retort::tools {
namespace {

void refuse_to_replace(const std::string& path, bool overwrite) {
  check(overwrite || is_special_file(path) || !std::filesystem::exists(path), path, ": exists already; use --overwrite or another --out");
}

void add_tickets(CLI::App& data, Action& action) {
  static std::int64_t rows = 20000;
  static std::uint64_t seed = 42;
  static std::string out;
  static bool overwrite = false;
  CLI::App* command = data.add_subcommand("tickets", "Write pairs of support tickets, duplicate (1) or not (0)");
  command->add_option("--rows", rows, "Pairs to write")->capture_default_str();
  command->add_option("--seed", seed, "The same seed gives the same file")->capture_default_str();
  command->add_option("--out", out, "File to write (.tsv)")->required();
  command->add_flag("--overwrite", overwrite, "Replace a file that is there");
  command->callback([&action] {
    action = [] {
      refuse_to_replace(out, overwrite);
      write_output(out, tickets_tsv(make_tickets(rows, seed)));
      print(out + ": " + std::to_string(rows) + " pairs\n");
      return 0;
    };
  });
}

void add_support_desk(CLI::App& data, Action& action) {
  static std::string out;
  static bool overwrite = false;
  CLI::App* command = data.add_subcommand("support-desk", "Write the ten pairs of a support desk");
  command->add_option("--out", out, "File to write (.tsv)")->required();
  command->add_flag("--overwrite", overwrite, "Replace a file that is there");
  command->callback([&action] {
    action = [] {
      refuse_to_replace(out, overwrite);
      const auto pairs = support_desk_pairs();
      write_output(out, tickets_tsv(pairs));
      print(out + ": " + std::to_string(pairs.size()) + " pairs\n");
      return 0;
    };
  });
}

void add_split(CLI::App& data, Action& action) {
  static SplitOptions options;
  static std::string input, parts = "train=0.8,dev=0.1,test=0.1", format = "auto", out;
  CLI::App* command = data.add_subcommand("split", "Deal the rows of a table out to several files");
  command->add_option("--input", input, "Table to split")->required();
  command->add_option("--parts", parts, "Names and shares")->capture_default_str();
  command->add_option("--seed", options.seed, "The same seed gives the same parts")->capture_default_str();
  command->add_option("--stratify", options.stratify_column, "Column whose values every part gets its share of");
  command->add_option("--format", format, "tsv, tsv-quoted, csv or jsonl; auto: by the extension")->capture_default_str();
  command->add_option("--text-column", options.text_column, "For the warning about texts in two parts");
  command->add_option("--pair-column", options.pair_column, "For the same warning");
  command->add_option("--out", out, "Directory for the parts")->required();
  command->add_flag("--overwrite", options.overwrite, "Replace parts that are there");
  command->callback([&action] {
    action = [] {
      options.input = input;
      options.out = out;
      options.format = parse_table_format(format);
      options.parts = parse_parts(parts);
      const SplitResult result = split_table(options);
      warn(result.warnings);
      for (const auto& part : result.parts)
        print(part.path.string() + ": " + std::to_string(part.rows) + " rows\n");
      return 0;
    };
  });
}

}  // namespace

void add_data(CLI::App& app, Action& action) {
  CLI::App* data = app.add_subcommand("data", "Make and split tables");
  data->require_subcommand(1);
  add_tickets(*data, action);
  add_support_desk(*data, action);
  add_split(*data, action);
}

}  // namespace retort::tools
