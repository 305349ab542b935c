// Which of a teacher's units a student with fewer of them keeps: those of the largest norm. A
// unit's norm is that of all numbers that belong to it in the matrices that the student takes.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nn/axes.h"
#include "tensor/tensor.h"

namespace retort {

/// Heads that are kept or dropped together: those of queries that share one of keys.
struct HeadGroups {
  std::int64_t head_size = 0;
  std::int64_t queries = 1;  ///< heads of queries in a group
};

class KeptUnits {
 public:
  /// vocabulary: the rows that stay of the table of words, ascending.
  KeptUnits(HeadGroups heads, std::int64_t pinned_head, std::vector<std::int32_t> vocabulary)
      : heads_(heads), pinned_head_(pinned_head), vocabulary_(std::move(vocabulary)) {}

  /// One of the teacher's parameters and the shape that the student has for it: to be called for
  /// all of them before take().
  void add(const Tensor& value, const Shape& wanted,
           const std::vector<Axes::Dimension>& dimensions);
  /// What the student has of it.
  Tensor take(const Tensor& value, const Shape& wanted,
              const std::vector<Axes::Dimension>& dimensions);

 private:
  using Key = std::pair<Axis, std::string>;
  struct Units {
    std::int64_t all = 0, wanted = 0;
    std::vector<double> squares;     // of each unit's numbers
    std::vector<std::int32_t> kept;  // chosen when first asked for, ascending
  };

  const std::vector<std::int32_t>& kept(const Key& key);
  std::vector<std::int32_t> kept_heads(const Key& key);
  std::int64_t columns_of(Axis axis) const;

  HeadGroups heads_;
  std::int64_t pinned_head_;
  std::vector<std::int32_t> vocabulary_;
  std::map<Key, Units> units_;
};

}  // namespace retort
