// Flags that several commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "distill/data/table.h"
#include "nn/own_head.h"

namespace retort::tools {

/// --threads N. `threads` must outlive the application; apply_threads() uses it.
void add_threads(CLI::App& command, int& threads);
void apply_threads(int threads);

/// --rename FROM=TO, any number of times, for commands that load a model; `which` names it in the help.
void add_rename(CLI::App& command, std::vector<std::string>& rules, const std::string& which = "model");

/// The classifier of a model that is trained: --head-layers, --head-activation, --head-dropout,
/// --pooling.
void add_head_flags(CLI::App& command, HeadOptions& head);

/// How a table is read: --format, --text-column, --pair-column, --label-column, --label-columns,
/// --limit, --rows.
/// `rows` says in the help what the last two cut.
void add_table_flags(CLI::App& command, TableFlags& flags, const std::string& rows = "rows");

/// Every warning as a line on stderr.
void warn(const std::vector<std::string>& warnings);

/// Writes to stdout and checks that it arrived.
void print(const std::string& text);

/// A device, a pipe, or one of the process's own streams (/dev/stdout).
bool is_special_file(const std::string& path);

/// Writes a file that the user named: a regular file is replaced atomically; a special one
/// is written to, for replacing it would take it away from everybody else.
void write_output(const std::string& path, const std::string& text);

}  // namespace retort::tools
