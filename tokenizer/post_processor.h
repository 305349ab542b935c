// After the model: how much of each sequence is kept, and the special tokens around them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tokenizer/definition.h"

namespace retort {

/// How many ids of two sequences of `first` and `second` ids remain so that together they are at
/// most `limit`: the reference's closed form of "longest first" (the shorter stays whole if it is
/// at most half).
std::pair<std::size_t, std::size_t> truncate_longest_first(std::size_t first, std::size_t second,
                                                           std::size_t limit);

/// The number of ids that a template adds to its sequences.
std::size_t added_by_template(const Template& pieces);

/// Writes the template with its sequences filled in.
void fill_template(const Template& pieces, std::span<const std::int32_t> first,
                   std::span<const std::int32_t> second, std::vector<std::int32_t>& ids,
                   std::vector<std::int32_t>& type_ids);

/// Whether two templates write the same, whatever their pieces are called.
bool same_ids(Template a, Template b);

}  // namespace retort
