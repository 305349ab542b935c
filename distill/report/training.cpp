// The loss curves and the scores by epoch.
#include <algorithm>
#include <cmath>

#include "distill/report/figure.h"
#include "distill/report/sections.h"
#include "distill/report/text.h"

namespace retort {
namespace {

// A loss term of one model: every step behind, a smoothed line before it.
std::size_t add_term(LineChart& chart, const std::vector<CurvePoint>& curve,
                     double CurvePoint::*term, const std::string& label, const std::string& css) {
  std::vector<Point> points;
  for (const CurvePoint& point : curve) points.push_back({static_cast<double>(point.step), point.*term});
  points = drawable(points);
  if (points.empty()) return 0;
  // A fortieth of the run: long enough to quieten single batches, short enough to show the shape.
  const std::size_t half = points.size() < 30 ? 0 : std::max<std::size_t>(1, points.size() / 40);
  if (half > 0) chart.lines.push_back({"", css, points, ChartLine::Look::faint});
  chart.lines.push_back({label, css, smoothed(points, half), ChartLine::Look::plain});
  return 2 * half + 1;
}

bool has_term(const std::vector<CurvePoint>& curve, double CurvePoint::*term) {
  return std::any_of(curve.begin(), curve.end(), [&](const CurvePoint& point) {
    // A run on labels alone has a "hard" term that is the loss itself, and no other.
    return std::isfinite(point.*term) && point.*term != point.loss;
  });
}

std::string loss_figure(const ModelSummary& model, std::size_t index, Span span, Ids& ids) {
  LineChart chart;
  chart.title = "Training loss: " + model.name;
  chart.x_label = "step";
  chart.integer_x = true;
  chart.clip_outliers = true;
  const bool soft = has_term(model.curve, &CurvePoint::soft);
  const bool hard = has_term(model.curve, &CurvePoint::hard);
  std::size_t window = 0;
  if (soft) window = add_term(chart, model.curve, &CurvePoint::soft, "soft", "c-soft");
  if (hard) window = std::max(window, add_term(chart, model.curve, &CurvePoint::hard, "hard", "c-hard"));
  window = std::max(window, add_term(chart, model.curve, &CurvePoint::loss,
                                     soft || hard ? "total" : "loss", model_css(index)));
  if (chart.lines.empty()) return {};
  std::string terms = soft && hard ? "total, soft (teacher) and hard (labels)"
                      : soft       ? "total and soft (teacher)"
                      : hard       ? "total and hard (labels)"
                                   : "";
  std::string smoothing;
  if (window > 1)
    smoothing = "mean over " + format_grouped(static_cast<std::int64_t>(window)) + " steps";
  chart.description = "Loss by step" + (terms.empty() ? "" : ": " + terms) + ". It goes from " +
                      format_fixed(chart.lines.back().points.front().y, 3) + " to " +
                      format_fixed(chart.lines.back().points.back().y, 3) + " (total).";
  if (!terms.empty() && !smoothing.empty()) terms += "; ";
  return figure(ids, span, caption("Loss, " + model.name, terms + smoothing, model_css(index)),
                [&](double width, const std::string& id) {
                  return render(chart, width, width > 700 ? 340 : 260, id);
                });
}

std::string score_figure(const Report& report, Ids& ids, const std::string& title,
                         double EpochScore::*score) {
  LineChart chart;
  chart.title = title;
  chart.description = title + " on the dev set.";
  chart.x_label = "epoch";
  chart.percent = true;
  chart.highest = 1;
  std::vector<double> whole_epochs;
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    ChartLine line{report.models[i].name, model_css(i), {}, ChartLine::Look::dotted};
    for (const EpochScore& epoch : report.models[i].epochs)
      line.points.push_back({epoch.epoch, epoch.*score});
    line.points = drawable(line.points);
    if (line.points.empty()) continue;
    // "student, distilled" is the caption's and the table's name; beside a line there is room for less.
    const auto comma = line.label.find(", ");
    if (comma != std::string::npos) line.label.erase(0, comma + 2);
    chart.description += " " + report.models[i].name + ": ";
    for (std::size_t p = 0; p < line.points.size() && p < 20; ++p)
      chart.description += (p > 0 ? ", " : "") + percent(line.points[p].y);
    chart.description += ".";
    for (const Point& point : line.points) whole_epochs.push_back(std::round(point.x));
    chart.lines.push_back(std::move(line));
  }
  std::sort(whole_epochs.begin(), whole_epochs.end());
  whole_epochs.erase(std::unique(whole_epochs.begin(), whole_epochs.end()), whole_epochs.end());
  if (whole_epochs.size() <= 12) chart.x_ticks = whole_epochs;
  chart.integer_x = true;
  return figure(ids, Span::half, caption(title, "on the dev set"),
                [&](double width, const std::string& id) { return render(chart, width, 250, id); });
}

}  // namespace

std::string training_section(const Report& report, Ids& ids) {
  // The student's curve first and widest: it is what the report is about.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < report.models.size(); ++i)
    if (!report.models[i].curve.empty()) order.push_back(i);
  const auto student = std::find(order.begin(), order.end(), std::size_t{1});
  if (student != order.end()) std::rotate(order.begin(), student, student + 1);
  std::string charts;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool wide = i == 0 && order.size() % 2 == 1;
    charts += loss_figure(report.models[order[i]], order[i], wide ? Span::full : Span::half, ids);
  }
  charts += score_figure(report, ids, report.scores.accuracy + " by epoch", &EpochScore::accuracy);
  charts += score_figure(report, ids, report.scores.f1 + " by epoch", &EpochScore::f1);
  return charts.empty() ? charts : section("training", "Training", figures(charts));
}

}  // namespace retort
