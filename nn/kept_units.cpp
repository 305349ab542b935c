#include "nn/kept_units.h"

#include <algorithm>
#include <numeric>

#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// The indices of the `count` largest, ascending; of equal ones the first. The first `pinned` are
// among them.
std::vector<std::int32_t> largest(const std::vector<double>& values, std::int64_t count,
                                  std::int64_t pinned = 0) {
  std::vector<std::int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin() + pinned, order.end(), [&](std::int32_t a, std::int32_t b) {
    return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
  });
  order.resize(static_cast<std::size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

void KeptUnits::add(const Tensor& value, const Shape& wanted,
                    const std::vector<Axes::Dimension>& dimensions) {
  const Tensor numbers = value.contiguous();
  for (std::size_t d = 0; d < dimensions.size(); ++d) {
    const auto& [use, place] = dimensions[d];
    const int dim = static_cast<int>(d);
    const std::int64_t size = value.size(dim) / use.parts;
    Units& units = units_[{use.axis, place}];
    units.all = size + use.begin;
    units.wanted = wanted[dim] / use.parts + use.begin;
    if (units.wanted == units.all || value.rank() < 2) continue;
    units.squares.resize(static_cast<std::size_t>(units.all));
    const float* data = numbers.data<float>();
    const std::int64_t columns = value.size(1);
    for (std::int64_t i = 0; i < value.count(); ++i) {
      const std::int64_t index = dim == 0 ? i / columns : i % columns;
      const double number = data[i];
      units.squares[static_cast<std::size_t>(index % size + use.begin)] += number * number;
    }
  }
}

// Columns of a group of heads.
std::int64_t KeptUnits::columns_of(Axis axis) const {
  if (axis == Axis::queries) return heads_.head_size * heads_.queries;
  return axis == Axis::bias_heads ? 1 : heads_.head_size;
}

std::vector<std::int32_t> KeptUnits::kept_heads(const Key& key) {
  // A group's queries and keys stay together, so both are asked; likewise heads and their biases.
  const bool of_layer = key.first == Axis::queries || key.first == Axis::keys;
  const std::int64_t own_columns = columns_of(key.first);
  const Units& own = units_.at(key);
  std::vector<double> groups(static_cast<std::size_t>(own.all / own_columns));
  for (const Axis axis :
       {of_layer ? Axis::queries : Axis::stack_heads, of_layer ? Axis::keys : Axis::bias_heads}) {
    const auto found = units_.find({axis, key.second});
    if (found == units_.end()) continue;
    const std::vector<double>& squares = found->second.squares;
    for (std::size_t i = 0; i < squares.size(); ++i)
      groups[i / static_cast<std::size_t>(columns_of(axis))] += squares[i];
  }
  std::vector<std::int32_t> columns;
  for (const std::int32_t group : largest(groups, own.wanted / own_columns))
    for (std::int64_t i = 0; i < own_columns; ++i)
      columns.push_back(static_cast<std::int32_t>(group * own_columns + i));
  return columns;
}

const std::vector<std::int32_t>& KeptUnits::kept(const Key& key) {
  Units& units = units_.at(key);
  if (!units.kept.empty()) return units.kept;
  switch (key.first) {
    case Axis::queries:
    case Axis::keys:
    case Axis::stack_heads:
    case Axis::bias_heads:
      units.kept = kept_heads(key);
      break;
    case Axis::vocabulary:
      units.kept = vocabulary_;
      break;
    default:
      units.kept = largest(units.squares, units.wanted, key.first == Axis::head ? pinned_head_ : 0);
  }
  return units.kept;
}

Tensor KeptUnits::take(const Tensor& value, const Shape& wanted,
                       const std::vector<Axes::Dimension>& dimensions) {
  Tensor result = value;
  for (std::size_t d = 0; d < dimensions.size(); ++d) {
    const auto& [use, place] = dimensions[d];
    const int dim = static_cast<int>(d);
    if (value.size(dim) == wanted[dim]) continue;
    const std::int64_t size = value.size(dim) / use.parts;
    std::vector<std::int32_t> rows;
    for (std::int64_t part = 0; part < use.parts; ++part)
      for (const std::int32_t unit : kept({use.axis, place}))
        if (unit >= use.begin)
          rows.push_back(static_cast<std::int32_t>(part * size + unit - use.begin));
    result = ops::index_select(result, dim, Tensor::from(rows));
  }
  return result;
}

}  // namespace retort
