// The bar charts of chart.h.
#include <algorithm>
#include <cmath>

#include "distill/report/chart.h"
#include "distill/report/svg.h"
#include "distill/report/text.h"

namespace retort {

std::string render(const BarChart& chart, double width, std::string_view id) {
  constexpr double kRow = 40, kThickness = 10;
  double largest = 0, label_width = 0;
  bool any = false;
  for (const Bar& bar : chart.bars) {
    label_width = std::max(label_width, text_width(bar.value_label, 12) + 8);
    if (!std::isfinite(bar.value)) continue;
    any = true;
    largest = std::max(largest, bar.value);
  }
  if (!any) return {};
  Svg svg(width, kRow * static_cast<double>(chart.bars.size()), id, chart.title, chart.description);
  const double room = std::max(20.0, width - label_width - 2);
  double top = 0;
  for (const Bar& bar : chart.bars) {
    const bool known = std::isfinite(bar.value) && largest > 0;
    const double length = known ? std::max(1.5, room * std::max(0.0, bar.value) / largest) : 0;
    svg.text(0, top + 12, bar.name, "note");
    svg.rect(0, top + 19, length, kThickness, 2, "bar " + bar.css);
    svg.text(length + (known ? 8 : 0), top + 28.5, bar.value_label, "value");
    top += kRow;
  }
  return svg.str();
}

std::string render(const GroupChart& chart, double width, double height, std::string_view id) {
  std::size_t most = 0;
  for (const BarGroup& group : chart.groups) most = std::max(most, group.values.size());
  if (most == 0) return {};
  const double top = 22, bottom = height - 44;
  const double slot = width / static_cast<double>(chart.groups.size());
  const double group_width = slot * 0.84, pitch = group_width / static_cast<double>(most);
  Svg svg(width, height, id, chart.title, chart.description);
  svg.line(0, bottom, width, bottom, "axis");
  double centre = slot / 2;
  for (const BarGroup& group : chart.groups) {
    double left = centre - pitch * static_cast<double>(group.values.size()) / 2;
    for (std::size_t i = 0; i < group.values.size(); ++i, left += pitch) {
      const double value = std::clamp(std::isfinite(group.values[i]) ? group.values[i] : 0, 0.0, 1.0);
      const double length = value * (bottom - top);
      svg.rect(left + 1, bottom - length, pitch - 2, length, 1.5,
               "shade" + std::to_string(std::min<std::size_t>(i, 3)));
      if (pitch >= 18)
        svg.text(left + pitch / 2, bottom - length - 5, format_fixed(100 * value, 0), "small",
                 "middle");
    }
    svg.text(centre, bottom + 18, group.label, "tick strong", "middle");
    svg.text(centre, bottom + 35, group.note, "note", "middle");
    centre += slot;
  }
  return svg.str();
}

}  // namespace retort
