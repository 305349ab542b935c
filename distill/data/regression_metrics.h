// How well numbers are predicted.
#pragma once

#include <span>

namespace retort {

// `expected` and `predicted` are equally long; none of these is defined for empty ones (an error).

/// The mean of (expected − predicted)².
double mean_squared_error(std::span<const double> expected, std::span<const double> predicted);
/// Pearson's correlation; NaN where one side doesn't vary (as scipy.stats.pearsonr).
double pearson_correlation(std::span<const double> expected, std::span<const double> predicted);
/// Pearson's of the ranks, equal numbers sharing the mean of theirs (scipy.stats.spearmanr).
double spearman_correlation(std::span<const double> expected, std::span<const double> predicted);

}  // namespace retort
