// What happens to numbers before they are drawn: ticks, smoothing, thinning.
#pragma once

#include <span>
#include <vector>

namespace retort {

struct Point {
  double x = 0, y = 0;
};

/// About `count` round values (1, 2 or 5 times a power of ten apart) within [low, high];
/// `integers`: no fractions. Empty unless low < high, both finite.
std::vector<double> nice_ticks(double low, double high, int count, bool integers = false);

/// Digits after the point that tell neighbouring ticks apart.
int tick_decimals(std::span<const double> ticks);

/// Points whose x and y are finite and smaller than 1e12 (larger ones are no fit for an axis), by x.
std::vector<Point> drawable(std::span<const Point> points);

/// The mean over a triangle of about 2 * half + 1 neighbours on both sides (two box filters), so that
/// a smoothed curve is not delayed; narrower at the ends. Linear in the number of points.
std::vector<Point> smoothed(std::span<const Point> points, std::size_t half);

/// At most about 2 * buckets points: the least and the greatest of each bucket, in their order, so
/// that spikes stay visible; first and last are kept.
std::vector<Point> thinned(std::span<const Point> points, std::size_t buckets);

/// The q-quantile of the y values, q in [0, 1]; points must not be empty.
double quantile_y(std::span<const Point> points, double q);

}  // namespace retort
