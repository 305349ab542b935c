#include "tools/arguments.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/parallel.h"

namespace retort::tools {

void add_threads(CLI::App& command, int& threads) {
  command.add_option("--threads", threads, "Threads (0: as many as this process may use)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
}

void apply_threads(int threads) { set_thread_count(threads > 0 ? threads : available_threads()); }

void add_rename(CLI::App& command, std::vector<std::string>& rules, const std::string& which) {
  command.add_option("--rename", rules,
                     "FROM=TO: names of the " + which +
                         "'s tensors that begin with FROM begin with TO instead, for weights saved by other "
                         "programs (encoder=bert, module=, classifier.3=classifier); with stars FROM is a whole "
                         "name (layers.*.attn.*=bert.encoder.layer.*.attention.*); repeat it, rules apply in order")
      ->type_name("FROM=TO")
      ->allow_extra_args(false);
}

void add_head_flags(CLI::App& command, HeadOptions& head) {
  command
      .add_option("--head-layers", head.layers,
                  "Sizes of the classifier's hidden layers: 256,64 (such a head is Retort's own: "
                  "transformers can't load it)")
      ->delimiter(',');
  command.add_option("--head-activation", head.activation, "Between them (default: gelu)");
  command.add_option("--head-dropout", head.dropout, "Behind each (default: 0.1)");
  command.add_option(
      "--pooling", head.pooling,
      "What the classifier works on: cls, last, mean or max (default: as the model's "
      "own; where that can't be said in its config.json, the head is Retort's own)");
}

void add_table_flags(CLI::App& command, TableFlags& flags, const std::string& rows) {
  command.add_option("--format", flags.format, "tsv, tsv-quoted, csv or jsonl; auto: by the extension")
      ->capture_default_str();
  command.add_option("--text-column", flags.text_column, "Column of the text (default: by the header)");
  command.add_option("--pair-column", flags.pair_column, "Column of the second text (default: by the header)");
  command.add_option("--label-column", flags.label_column, "Column of the label (default: by the header)");
  command
      .add_option("--label-columns", flags.label_columns,
                  "Columns of several labels, 0 or 1 each, or of several numbers: a,b,c")
      ->delimiter(',');
  command.add_option("--limit", flags.limit, "Use the first N " + rows + " only");
  command.add_option("--rows", flags.rows, "Use the " + rows + " A:B only, counted from 0, B not included");
}

void warn(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) std::fprintf(stderr, "%s\n", warning.c_str());
}

void print(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                       std::fflush(stdout) == 0;
  check(written, "stdout: can't be written");
}

bool is_special_file(const std::string& path) {
  // /dev/stdout may lead to a regular file, and is still no file to be replaced.
  std::error_code none;
  const std::string absolute = std::filesystem::absolute(path, none).lexically_normal().string();
  if (absolute.starts_with("/dev/std") || absolute.starts_with("/dev/fd/") || absolute.starts_with("/proc/"))
    return true;
  const auto status = std::filesystem::status(path, none);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
         !std::filesystem::is_directory(status);
}

void write_output(const std::string& path, const std::string& text) {
  if (!is_special_file(path)) return replace_file(path, text);
  std::FILE* file = std::fopen(path.c_str(), "wb");
  check(file != nullptr, path, ": can't be written: ", std::strerror(errno));
  bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  written = std::fflush(file) == 0 && written;
  const int reason = errno;
  std::fclose(file);
  check(written, path, ": can't be written: ", std::strerror(reason));
}

}  // namespace retort::tools
