// The models' table, and the bars of size, accuracy, F1 and time.
#include <cmath>

#include "distill/report/figure.h"
#include "distill/report/sections.h"
#include "distill/report/text.h"

namespace retort {
namespace {

constexpr const char* kSpace = "\u00A0";

std::string cell(std::string_view label, const std::string& html) {
  return "<td data-label=\"" + escape_html(label) + "\"><span>" + html + "</span></td>";
}

// A share with the standard error of its estimate over `examples`, sqrt(p (1 - p) / n).
std::string share(double fraction, std::int64_t examples) {
  std::string out = escape_html(percent(fraction));
  if (examples > 0 && fraction >= 0 && fraction <= 1) {
    const double error = 100 * std::sqrt(fraction * (1 - fraction) / static_cast<double>(examples));
    out += " <span class=\"error\">\u00B1\u00A0" + format_fixed(error, 1) + "</span>";
  }
  return out;
}

std::string model_row(const ModelSummary& model, std::size_t index, const ScoreNames& scores) {
  std::string about = model.description;
  if (!model.directory.empty()) about += (about.empty() ? "" : " \u00B7 ") + model.directory;
  std::string out = "<tr><th scope=\"row\"><i class=\"swatch " + model_css(index) + "\"></i>" +
                    escape_html(model.name);
  if (!about.empty()) out += "<span class=\"about\">" + escape_html(about) + "</span>";
  out += "</th>";
  out += cell("Parameters",
              model.parameters > 0
                  ? format_count(static_cast<double>(model.parameters), kSpace)
                  : format_fixed(kAbsent, 0));
  out += cell("Size", std::isfinite(model.megabytes) ? format_short(model.megabytes) + kSpace + "MB"
                                                     : format_fixed(kAbsent, 0));
  out += cell(scores.accuracy, share(model.accuracy, scores.shares ? model.examples : 0));
  out += cell(scores.f1, escape_html(percent(model.f1)));
  out += cell("Loss", format_fixed(model.loss, 3));
  out += cell("Per batch", std::isfinite(model.ms_per_batch)
                               ? format_short(model.ms_per_batch) + kSpace + "ms"
                               : format_fixed(kAbsent, 0));
  return out + "</tr>";
}

std::string model_table(const Report& report) {
  std::string out = "<table class=\"models\"><thead><tr><th scope=\"col\">Model</th>";
  const std::string headings[] = {"Parameters",     "Size", report.scores.accuracy,
                                  report.scores.f1, "Loss", "Per batch"};
  for (const std::string& heading : headings)
    out += "<th scope=\"col\">" + escape_html(heading) + "</th>";
  out += "</tr></thead><tbody>";
  std::int64_t examples = 0;
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    out += model_row(report.models[i], i, report.scores);
    examples = std::max(examples, report.models[i].examples);
  }
  out += "</tbody></table>";
  if (examples > 0)
    out +=
        "<p class=\"footnote\">Measured on " + format_grouped(examples) +
        (report.scores.shares ? " examples; \u00B1 is one standard error.</p>" : " examples.</p>");
  return out;
}

std::string bars(const Report& report, Ids& ids, const std::string& title, const char* subtitle,
                 double (*value)(const ModelSummary&), std::string (*label)(double)) {
  BarChart chart;
  chart.title = title;
  chart.description = title + ":";
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    const ModelSummary& model = report.models[i];
    chart.bars.push_back({model.name, model_css(i), label(value(model)), value(model)});
    chart.description += (i > 0 ? ", " : " ") + model.name + " " + label(value(model));
  }
  return figure(ids, Span::quarter, caption(title, subtitle),
                [&](double width, const std::string& id) { return render(chart, width, id); });
}

}  // namespace

std::string comparison_section(const Report& report, Ids& ids) {
  if (report.models.empty()) return {};
  std::string charts;
  charts += bars(
      report, ids, "Parameters", "",
      [](const ModelSummary& m) {
        return m.parameters > 0 ? static_cast<double>(m.parameters) : kAbsent;
      },
      [](double v) { return format_count(v, kSpace); });
  charts += bars(
      report, ids, report.scores.accuracy, "", [](const ModelSummary& m) { return m.accuracy; },
      [](double v) { return percent(v); });
  charts += bars(
      report, ids, report.scores.f1, "", [](const ModelSummary& m) { return m.f1; },
      [](double v) { return percent(v); });
  charts += bars(
      report, ids, "Time per batch", "shorter is faster",
      [](const ModelSummary& m) { return m.ms_per_batch; },
      [](double v) { return format_short(v) + kSpace + "ms"; });
  return section("comparison", "Size, accuracy, speed", model_table(report) + figures(charts));
}

}  // namespace retort
