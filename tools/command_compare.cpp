// retort compare: teacher, student and baseline side by side, on a terminal, as JSON and as a page.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>

#include "distill/compare.h"
#include "distill/report/text.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/parallel.h"
#include "tools/arguments.h"
#include "tools/commands.h"

namespace retort::tools {
namespace {

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(": ") + 2));
  return "";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::tm parts{};
  localtime_r(&now, &parts);
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
  return text;
}

// "38.8 % fewer parameters, 2.01 x as fast, accuracy -1.3 points"
std::string changes_line(const Report& report) {
  const ModelSummary& teacher = report.models[0];
  const ModelSummary& student = report.models[1];
  char line[160];
  std::snprintf(
      line, sizeof line,
      "student: %.1f %% fewer parameters, %.2f x as fast, %s %+.1f points, %s %+.1f points\n",
      parameter_reduction_percent(teacher.parameters, student.parameters),
      teacher.ms_per_batch / student.ms_per_batch, lower_case(report.scores.accuracy).c_str(),
      100 * (student.accuracy - teacher.accuracy), report.scores.f1.c_str(),
      100 * (student.f1 - teacher.f1));
  return line;
}

// The samples on a terminal: one block per row.
std::string samples_table(const Report& report) {
  std::string text = "\n";
  for (const SamplePrediction& sample : report.samples) {
    text += sample.text + (sample.pair.empty() ? "" : "  |  " + sample.pair) + "\n";
    for (std::size_t i = 0; i < sample.by.size(); ++i) {
      char line[160];
      const bool right = sample.gold.empty() || sample.by[i].label == sample.gold;
      std::snprintf(line, sizeof line, "    %-22s %-12.80s", report.models[i].name.c_str(),
                    sample.by[i].label.c_str());
      text += line;
      if (std::isfinite(sample.by[i].confidence)) {
        std::snprintf(line, sizeof line, " %5.1f %%", 100 * sample.by[i].confidence);
        text += line;
      }
      text += right ? "\n" : "  (wrong)\n";
    }
  }
  return text;
}

struct Compare {
  std::string teacher, student, baseline, data, samples, report_file, title;
  bool json = false;
  int threads = 0;
  std::int64_t batch_size = 16;
  TableFlags table;

  int run() const {
    apply_threads(threads);
    CompareOptions options;
    options.directories = {teacher, student};
    if (!baseline.empty()) options.directories.push_back(baseline);
    options.data = data;
    options.table = table.options();
    options.batch_size = batch_size;
    if (!samples.empty()) {
      TableOptions plain;
      plain.label_required = false;
      plain.several_labels = true;
      options.samples = read_table(samples, plain);
      warn(options.samples->warnings);
    }
    std::vector<std::string> warnings;
    Report report = compare_models(options, warnings);
    warn(warnings);
    report.title = title;
    report.created = today();
    report.cpu = cpu_name();
    report.threads = thread_count();
    if (json) print(compare_json(report).dump() + "\n");
    else print(compare_table(report) + changes_line(report));
    if (!samples.empty() && !json) print(samples_table(report));
    if (!report_file.empty()) {
      write_output(report_file, render_report(report));
      std::fprintf(stderr, "report: %s\n", report_file.c_str());
    }
    return 0;
  }
};

}  // namespace

void add_compare(CLI::App& app, Action& action) {
  static Compare compare;
  compare.title = "Distillation report";
  CLI::App* command = app.add_subcommand("compare", "Teacher and student side by side");
  command->add_option("--teacher", compare.teacher, "Model directory")->required();
  command->add_option("--student", compare.student, "Model directory")->required();
  command->add_option("--baseline", compare.baseline, "The student trained on labels alone");
  command->add_option("--data", compare.data, "Labelled table")->required();
  command->add_option("--samples", compare.samples, "Table whose rows are predicted one by one (default: from --data)");
  command->add_option("--report", compare.report_file, "HTML file to write");
  command->add_option("--title", compare.title, "Of the report")->capture_default_str();
  command->add_flag("--json", compare.json, "Print one JSON object");
  command->add_option("--batch-size", compare.batch_size, "Examples per timed batch")->capture_default_str()->check(CLI::Range(1, 1 << 20));
  add_table_flags(*command, compare.table);
  add_threads(*command, compare.threads);
  command->callback([&action] { action = [] { return compare.run(); }; });
}

}  // namespace retort::tools
