#include "distill/report/series.h"

#include <algorithm>
#include <cmath>

namespace retort {
namespace {

// One box filter of up to 2 * half + 1 points, by prefix sums. Near the start, where a loss falls
// steeply, the window shrinks on both sides, so that the slope stays; near the end, where it is flat,
// only on the right, so that the last value isn't the noise of one step.
void box_filter(std::vector<Point>& points, std::size_t half) {
  std::vector<double> prefix(points.size() + 1, 0.0);
  for (std::size_t i = 0; i < points.size(); ++i) prefix[i + 1] = prefix[i] + points[i].y;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::size_t left = std::min(half, i), right = std::min(left, points.size() - 1 - i);
    points[i].y =
        (prefix[i + right + 1] - prefix[i - left]) / static_cast<double>(left + right + 1);
  }
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, int count, bool integers) {
  if (!std::isfinite(low) || !std::isfinite(high) || !(low < high) || count < 1) return {};
  const double rough = (high - low) / count;
  if (!std::isfinite(rough) || rough <= 0) return {};
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = factor * power;
    if (step >= rough * 0.999) break;
  }
  if (integers) step = std::max(1.0, std::round(step));
  // Steps far below the magnitude of the ends can't be told apart (and would never end).
  if (!(step > 0) || std::max(std::abs(low), std::abs(high)) / step > 1e12) return {};
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  for (double i = first; i <= last; ++i) ticks.push_back(i == 0 ? 0.0 : i * step);
  return ticks;
}

int tick_decimals(std::span<const double> ticks) {
  for (int decimals = 0; decimals < 9; ++decimals) {
    const double scale = std::pow(10.0, decimals);
    if (std::all_of(ticks.begin(), ticks.end(), [&](double tick) {
          return std::abs(tick * scale - std::round(tick * scale)) < 1e-6;
        }))
      return decimals;
  }
  return 9;
}

std::vector<Point> drawable(std::span<const Point> points) {
  constexpr double kLargest = 1e12;
  std::vector<Point> kept;
  for (const Point& point : points)
    if (std::abs(point.x) < kLargest && std::abs(point.y) < kLargest) kept.push_back(point);
  std::stable_sort(kept.begin(), kept.end(),
                   [](const Point& a, const Point& b) { return a.x < b.x; });
  return kept;
}

std::vector<Point> smoothed(std::span<const Point> points, std::size_t half) {
  std::vector<Point> out(points.begin(), points.end());
  if (half == 0 || out.size() < 3) return out;
  box_filter(out, (half + 1) / 2);
  box_filter(out, half / 2);
  return out;
}

std::vector<Point> thinned(std::span<const Point> points, std::size_t buckets) {
  if (buckets == 0 || points.size() <= 2 * buckets) return {points.begin(), points.end()};
  std::vector<Point> out{points.front()};
  const std::size_t inner = points.size() - 2;
  for (std::size_t b = 0; b < buckets; ++b) {
    const std::size_t begin = 1 + b * inner / buckets, end = 1 + (b + 1) * inner / buckets;
    if (begin == end) continue;
    std::size_t least = begin, greatest = begin;
    for (std::size_t i = begin; i < end; ++i) {
      if (points[i].y < points[least].y) least = i;
      if (points[i].y > points[greatest].y) greatest = i;
    }
    out.push_back(points[std::min(least, greatest)]);
    if (least != greatest) out.push_back(points[std::max(least, greatest)]);
  }
  out.push_back(points.back());
  return out;
}

double quantile_y(std::span<const Point> points, double q) {
  std::vector<double> values;
  for (const Point& point : points) values.push_back(point.y);
  const auto rank = static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rank), values.end());
  return values[rank];
}

}  // namespace retort
