// What the temperature does: entropy by temperature, and the classic example's softened outputs.
#include <algorithm>
#include <cmath>

#include "distill/report/figure.h"
#include "distill/report/sections.h"
#include "distill/report/softening.h"
#include "distill/report/text.h"

namespace retort {
namespace {

struct Curve {
  std::string name, css;
  std::vector<std::vector<double>> rows;  // the entropy is the mean over these
};

bool usable(const std::vector<double>& logits) {
  return logits.size() >= 2 && std::all_of(logits.begin(), logits.end(), [](double logit) {
           return std::isfinite(logit);
         });
}

double mean_entropy(const Curve& curve, double temperature) {
  double sum = 0;
  for (const auto& row : curve.rows) sum += softened_entropy(row, temperature);
  return sum / static_cast<double>(curve.rows.size());
}

std::vector<double> marked_temperatures(const Report& report) {
  std::vector<double> marked;
  for (const double t : report.temperatures)
    if (std::isfinite(t) && t > 0) marked.push_back(t);
  if (marked.empty()) marked = {1, 3, 5, 10};
  std::sort(marked.begin(), marked.end());
  marked.erase(std::unique(marked.begin(), marked.end()), marked.end());
  return marked;
}

std::string logits_text(const std::vector<double>& logits) {
  std::string out = "[";
  for (std::size_t i = 0; i < logits.size() && i < 6; ++i) {
    std::string number = format_fixed(logits[i], 2);
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
    out += (i > 0 ? ", " : "") + number;
  }
  return out + (logits.size() > 6 ? ", \u2026]" : "]");
}

std::string short_temperature(double t) {
  return format_fixed(t, t == std::round(t) ? 0 : 1);
}

std::vector<Curve> curves_of(const Report& report, const std::vector<double>& classic) {
  std::vector<Curve> curves{{logits_text(classic), "c-classic", {classic}}};
  Curve data{"this data", "m0", {}};
  // Beyond some thousands of rows the mean no longer moves within a pixel.
  const std::size_t stride = report.teacher_logits.size() / 4000 + 1;
  for (std::size_t i = 0; i < report.teacher_logits.size(); i += stride)
    if (usable(report.teacher_logits[i])) data.rows.push_back(report.teacher_logits[i]);
  if (!data.rows.empty()) curves.push_back(std::move(data));
  const char* colours[] = {"m1", "m2", "c-soft", "c-hard"};
  std::size_t colour = 0;
  for (const SoftenedExample& example : report.softened)
    if (usable(example.logits) && example.logits != classic && colour < std::size(colours))
      curves.push_back({example.name, colours[colour++], {example.logits}});
  return curves;
}

std::string entropy_figure(const Report& report, const std::vector<Curve>& curves,
                           const std::vector<double>& marked, Ids& ids) {
  LineChart chart;
  chart.title = "Entropy of softened outputs against temperature";
  chart.x_label = "temperature T";
  chart.from_zero = true;
  chart.x_ticks = marked;
  std::vector<double> temperatures;
  const double low = std::min(1.0, marked.front()), high = std::max(marked.back(), 2 * low);
  for (int i = 0; i <= 90; ++i) temperatures.push_back(low + (high - low) * i / 90);
  std::vector<std::size_t> classes;
  for (const Curve& curve : curves) {
    ChartLine line{curve.name, curve.css, {}, ChartLine::Look::plain};
    for (const double t : temperatures) line.points.push_back({t, mean_entropy(curve, t)});
    ChartLine dots{"", curve.css, {}, ChartLine::Look::dots};
    chart.description += curve.name + ":";
    for (const double t : marked) {
      dots.points.push_back({t, mean_entropy(curve, t)});
      chart.description += " " + format_fixed(dots.points.back().y, 3) + " nats at T " +
                           short_temperature(t) + (t == marked.back() ? ". " : ",");
    }
    chart.lines.push_back(std::move(line));
    chart.lines.push_back(std::move(dots));
    const std::size_t size = curve.rows[0].size();
    if (std::find(classes.begin(), classes.end(), size) == classes.end()) classes.push_back(size);
  }
  for (const std::size_t n : classes)
    chart.rules.push_back({std::log(static_cast<double>(n)),
                           "ln\u00A0" + std::to_string(n), false});
  if (std::isfinite(report.temperature))
    chart.rules.push_back(
        {report.temperature, "this run, T\u00A0" + short_temperature(report.temperature), true});
  std::string subtitle = "nats, at most the logarithm of the number of classes";
  return figure(ids, Span::half, caption("Entropy by temperature", subtitle),
                [&](double width, const std::string& id) { return render(chart, width, 280, id); });
}

std::string distribution_figure(const std::vector<double>& classic,
                                const std::vector<double>& marked, Ids& ids) {
  GroupChart chart;
  chart.title = "Softened outputs of the logits " + logits_text(classic);
  chart.description = "Probabilities in percent.";
  for (std::size_t i = 0; i < marked.size() && i < 6; ++i) {
    BarGroup group;
    group.label = "T\u00A0" + short_temperature(marked[i]);
    group.note = format_fixed(softened_entropy(classic, marked[i]), 3);
    group.values = softened_probabilities(classic, marked[i]);
    chart.description += " " + group.label + ":";
    for (const double p : group.values) chart.description += " " + format_fixed(100 * p, 0);
    chart.description += ", entropy " + group.note + ".";
    chart.groups.push_back(std::move(group));
  }
  return figure(ids, Span::half,
                caption("The classic example, logits " + logits_text(classic),
                        "probabilities in percent; below, the entropy in nats"),
                [&](double width, const std::string& id) { return render(chart, width, 280, id); });
}

}  // namespace

std::string softening_section(const Report& report, Ids& ids) {
  // Three classes, one clear winner: the example by which temperature is usually taught.
  const std::vector<double> classic{2.0, 1.0, 0.5};
  const std::vector<double> marked = marked_temperatures(report);
  const std::vector<Curve> curves = curves_of(report, classic);
  return section("softening", "Softened outputs",
                 figures(entropy_figure(report, curves, marked, ids) +
                         distribution_figure(classic, marked, ids)));
}

}  // namespace retort
