// The report's three kinds of chart, in one style: hairline grid, no frames, labels at the data.
//
// Each renders at a given width; the page shows a wide and a narrow rendering of one chart by media
// query, so that the type keeps its size. Charts with nothing to draw render as an empty string.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "distill/report/series.h"

namespace retort {

struct ChartLine {
  std::string label;  // at the line's right end; empty for none
  std::string css;    // the class that sets its colour
  std::vector<Point> points;
  enum class Look { plain, faint, dotted, dots } look = Look::plain;  // dotted: dots too; dots: no line
};

/// A rule at one x (from top to bottom) or y (from left to right).
struct ChartRule {
  double at = 0;
  std::string label;
  bool vertical = true;
};

struct LineChart {
  std::string title, description;  // for screen readers; the page shows its own caption
  std::string x_label;
  std::vector<ChartLine> lines;
  std::vector<ChartRule> rules;
  std::vector<double> x_ticks;  // empty: chosen
  bool integer_x = false;
  bool from_zero = false;      // the y axis starts at 0
  double highest = 1e12;       // the y axis ends here at most (1 for an accuracy)
  bool percent = false;      // y in [0, 1] is labelled as a percentage
  bool clip_outliers = false;  // the y axis follows the bulk of faint lines, not their spikes
};
std::string render(const LineChart& chart, double width, double height, std::string_view id);

struct Bar {
  std::string name, css, value_label;
  double value = 0;  // NaN: the label alone
};
struct BarChart {
  std::string title, description;
  std::vector<Bar> bars;
};
/// Horizontal bars from zero, name above, value behind the bar. The height follows from the bars.
std::string render(const BarChart& chart, double width, std::string_view id);

struct BarGroup {
  std::string label, note;     // below the group
  std::vector<double> values;  // in [0, 1]
};
/// Upright bars in groups, with percentages above them; every group has its own first to last shade.
struct GroupChart {
  std::string title, description;
  std::vector<BarGroup> groups;
};
std::string render(const GroupChart& chart, double width, double height, std::string_view id);

}  // namespace retort
