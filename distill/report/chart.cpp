#include "distill/report/chart.h"

#include <algorithm>
#include <cmath>

#include "distill/report/svg.h"
#include "distill/report/text.h"

namespace retort {
namespace {

constexpr double kFont = 12, kLabelGap = 15;

struct Extent {
  double low = 0, high = 0;
  bool empty = true;
  void add(double value) {
    low = empty ? value : std::min(low, value);
    high = empty ? value : std::max(high, value);
    empty = false;
  }
};

std::string tick_label(double value, int decimals, bool percent) {
  if (percent) return format_fixed(100 * value, std::max(0, decimals - 2)) + "\u00A0%";
  if (std::abs(value) >= 1000 && decimals == 0)
    return format_grouped(static_cast<std::int64_t>(value));
  std::string text = format_fixed(value, decimals);
  if (text[0] == '-') text = "\u2212" + text.substr(1);
  return text;
}

// The y axis: data with a little air, from zero when that wastes less than half of the plot.
Extent y_extent(const LineChart& chart, const std::vector<std::vector<Point>>& lines) {
  Extent y;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    if (chart.clip_outliers && chart.lines[i].look == ChartLine::Look::faint) {
      y.add(quantile_y(lines[i], 0.01));
      y.add(quantile_y(lines[i], 0.99));
      continue;
    }
    for (const Point& point : lines[i]) y.add(point.y);
  }
  for (const ChartRule& rule : chart.rules)
    if (!rule.vertical && std::isfinite(rule.at)) y.add(rule.at);
  if (y.empty) return y;
  if (chart.from_zero || (y.low >= 0 && y.low < 0.4 * y.high)) y.low = std::min(0.0, y.low);
  if (!(y.high - y.low > 1e-9 * std::max(1.0, std::abs(y.high)))) {
    const double air = std::max(std::abs(y.high) * 0.05, 0.01);
    y.low -= air;
    y.high += air;
  }
  const double air = 0.06 * (y.high - y.low);
  if (y.low != 0) y.low -= air;
  y.high = std::min(y.high + air, std::max(chart.highest, y.low + air));
  return y;
}

struct EndLabel {
  double y;
  const ChartLine* line;
};

// Labels apart by kLabelGap, as near to their lines as that allows, within [top, bottom].
void spread(std::vector<EndLabel>& labels, double top, double bottom) {
  std::stable_sort(labels.begin(), labels.end(),
                   [](const EndLabel& a, const EndLabel& b) { return a.y < b.y; });
  // Relaxation: neighbours that are too close share the push; then the ends push back.
  for (int round = 0; round < 60; ++round) {
    for (std::size_t i = 1; i < labels.size(); ++i) {
      const double lack = kLabelGap - (labels[i].y - labels[i - 1].y);
      if (lack <= 0) continue;
      labels[i - 1].y -= lack / 2;
      labels[i].y += lack / 2;
    }
    if (!labels.empty()) labels.front().y = std::max(labels.front().y, top);
    if (!labels.empty()) labels.back().y = std::min(labels.back().y, bottom);
  }
}

// A plot's rectangle and its two linear scales.
struct Frame {
  double left, right, top, bottom;
  Extent x, y;
  double at_x(double value) const {
    return left + (value - x.low) / (x.high - x.low) * (right - left);
  }
  double at_y(double value) const {
    return bottom - (value - y.low) / (y.high - y.low) * (bottom - top);
  }
};

void draw_axes(Svg& svg, const LineChart& chart, const Frame& frame,
               const std::vector<double>& y_ticks, int y_decimals) {
  for (const double tick : y_ticks) {
    const double y = frame.at_y(tick);
    svg.line(frame.left, y, frame.right, y, tick == 0 ? "axis" : "grid");
    svg.text(frame.left - 8, y + 4, tick_label(tick, y_decimals, chart.percent), "tick", "end");
  }
  std::vector<double> ticks = chart.x_ticks;
  // As many as find room, supposing six digits each.
  if (ticks.empty())
    ticks = nice_ticks(frame.x.low, frame.x.high,
                       std::clamp(static_cast<int>((frame.right - frame.left) / 75), 2, 10),
                       chart.integer_x);
  if (ticks.empty() && frame.x.low < frame.x.high)
    ticks = {(frame.x.low + frame.x.high) / 2};
  const int decimals = tick_decimals(ticks);
  double free_from = -1e9;
  for (const double tick : ticks) {
    const double x = frame.at_x(tick);
    const std::string label = tick_label(tick, decimals, false);
    const double half = text_width(label, kFont) / 2;
    if (x < frame.left - 1 || x > frame.right + 1) continue;
    svg.line(x, frame.bottom, x, frame.bottom + 4, "axis");
    if (x - half < free_from) continue;
    svg.text(x, frame.bottom + 18, label, "tick", "middle");
    free_from = x + half + 6;
  }
  svg.text(frame.right, frame.bottom + 35, chart.x_label, "note", "end");
}

void draw_rules(Svg& svg, const LineChart& chart, const Frame& frame) {
  for (const ChartRule& rule : chart.rules) {
    if (rule.vertical) {
      if (!(rule.at >= frame.x.low && rule.at <= frame.x.high)) continue;
      const double x = frame.at_x(rule.at);
      svg.line(x, frame.top, x, frame.bottom, "rule");
      const bool fits = x + 6 + text_width(rule.label, kFont) <= frame.right;
      svg.text(fits ? x + 6 : x - 6, frame.bottom - 8, rule.label, "note", fits ? "start" : "end");
    } else if (rule.at >= frame.y.low && rule.at <= frame.y.high) {
      const double y = frame.at_y(rule.at);
      svg.line(frame.left, y, frame.right, y, "rule");
      // Above the rule at its left end: lines that near it do so at the right, where their labels are.
      svg.text(frame.left + 4, y - 4, rule.label, "note");
    }
  }
}

}  // namespace

std::string render(const LineChart& chart, double width, double height, std::string_view id) {
  std::vector<std::vector<Point>> lines;
  Frame frame{};
  for (const ChartLine& line : chart.lines) {
    lines.push_back(drawable(line.points));
    for (const Point& point : lines.back()) frame.x.add(point.x);
  }
  frame.y = y_extent(chart, lines);
  if (frame.x.empty || frame.y.empty) return {};
  if (!(frame.x.low < frame.x.high)) {  // one point only: it stands in the middle
    frame.x.low -= 1;
    frame.x.high += 1;
  }

  frame.top = 12;
  frame.bottom = height - 44;
  const auto y_ticks = nice_ticks(frame.y.low, frame.y.high,
                                  std::max(2, static_cast<int>((frame.bottom - frame.top) / 42)));
  const int y_decimals = tick_decimals(y_ticks);
  double left = 16, right = 12;
  for (const double tick : y_ticks)
    left = std::max(left, text_width(tick_label(tick, y_decimals, chart.percent), kFont) + 10);
  for (const ChartLine& line : chart.lines)
    right = std::max(right, text_width(line.label, kFont) + 14);
  frame.left = std::min(left, 0.3 * width);
  frame.right = width - std::min(right, 0.4 * width);

  Svg svg(width, height, id, chart.title, chart.description);
  draw_axes(svg, chart, frame, y_ticks, y_decimals);
  draw_rules(svg, chart, frame);

  std::vector<EndLabel> labels;
  svg.begin_clip(frame.left - 6, frame.top - 6, frame.right - frame.left + 12,
                 frame.bottom - frame.top + 7);
  const auto buckets = static_cast<std::size_t>(frame.right - frame.left);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const ChartLine& line = chart.lines[i];
    std::vector<Point> pixels = thinned(lines[i], buckets);
    if (pixels.empty()) continue;
    for (Point& point : pixels)  // far outside the clip rectangle is as good as anywhere
      point = {frame.at_x(point.x), std::clamp(frame.at_y(point.y), -height, 2 * height)};
    const bool faint = line.look == ChartLine::Look::faint;
    const bool dots = line.look == ChartLine::Look::dots;
    if (pixels.size() > 1 && !dots) svg.polyline(pixels, (faint ? "faint " : "curve ") + line.css);
    if (dots || line.look == ChartLine::Look::dotted || (pixels.size() == 1 && !faint))
      for (const Point& point : pixels) svg.circle(point.x, point.y, 3.5, "dot " + line.css);
    if (!line.label.empty()) labels.push_back({pixels.back().y, &line});
  }
  svg.end_clip();
  for (EndLabel& label : labels) label.y = std::clamp(label.y, frame.top, frame.bottom);
  spread(labels, frame.top, frame.bottom);
  for (const EndLabel& label : labels)
    svg.text(frame.right + 9, label.y + 4, label.line->label, "label " + label.line->css);
  return svg.str();
}

}  // namespace retort
