#include "tensor/ragged.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "tensor/base/error.h"

namespace retort {
namespace {

using Numbers = std::vector<std::int32_t>;

// Where each sequence begins, and behind them the end.
Numbers offsets_of(std::span<const std::int32_t> lengths) {
  Numbers offsets = {0};
  std::int64_t total = 0;
  for (const std::int32_t length : lengths) {
    check(length >= 0, "ragged: a length is negative: ", length);
    total += length;
    check(total <= std::numeric_limits<std::int32_t>::max(), "ragged: more than 2^31 rows in a batch");
    offsets.push_back(static_cast<std::int32_t>(total));
  }
  return offsets;
}

// Groups of overlapping ranges: walking the ranges by where they begin, a new group starts wherever
// all ranges so far have ended.
void find_groups(std::span<const std::int32_t> begin, std::span<const std::int32_t> length, Ragged& ragged) {
  Numbers order(begin.size());
  std::iota(order.begin(), order.end(), 0);
  const auto at = [](std::span<const std::int32_t> x, std::int32_t i) {
    return std::int64_t{x[static_cast<std::size_t>(i)]};
  };
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return at(begin, a) < at(begin, b);
  });
  Numbers empty;
  std::erase_if(order, [&](std::int32_t s) {
    if (at(length, s) == 0) empty.push_back(s);
    return at(length, s) == 0;
  });
  Numbers offsets = {0}, sequences;
  std::int64_t end = -1, covered = 0;
  for (const std::int32_t s : order) {
    const std::int64_t last = at(begin, s) + at(length, s);
    if (at(begin, s) >= end && !sequences.empty())
      offsets.push_back(static_cast<std::int32_t>(sequences.size()));
    covered += std::max<std::int64_t>(0, last - std::max(end, at(begin, s)));
    end = std::max(end, last);
    sequences.push_back(s);
  }
  if (!sequences.empty()) offsets.push_back(static_cast<std::int32_t>(sequences.size()));
  const std::size_t shared_groups = offsets.size() - 1;
  for (std::size_t g = 0; g < shared_groups; ++g)
    std::sort(sequences.begin() + offsets[g], sequences.begin() + offsets[g + 1]);
  ragged.each_key_once = covered == ragged.key_rows && shared_groups == sequences.size();
  for (const std::int32_t s : empty) {
    sequences.push_back(s);
    offsets.push_back(static_cast<std::int32_t>(sequences.size()));
  }
  ragged.groups = static_cast<std::int64_t>(offsets.size()) - 1;
  ragged.group_offsets = Tensor::from(offsets);
  ragged.group_sequences = Tensor::from(sequences);
}

std::int64_t longest(std::span<const std::int32_t> lengths) {
  return lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end());
}

}  // namespace

Ragged Ragged::packed(std::span<const std::int32_t> lengths) { return across(lengths, lengths); }

Ragged Ragged::across(std::span<const std::int32_t> query_lengths,
                      std::span<const std::int32_t> key_lengths) {
  Numbers begin = offsets_of(key_lengths);
  const std::int32_t key_rows = begin.back();
  begin.pop_back();
  return over_ranges(query_lengths, begin, key_lengths, key_rows);
}

Ragged Ragged::over_ranges(std::span<const std::int32_t> query_lengths,
                           std::span<const std::int32_t> key_begin,
                           std::span<const std::int32_t> key_length, std::int64_t key_rows) {
  check(key_begin.size() == query_lengths.size() && key_length.size() == query_lengths.size(),
        "ragged: ", query_lengths.size(), " sequences of queries, but ", key_begin.size(),
        " begins and ", key_length.size(), " lengths of key ranges");
  check(key_rows >= 0 && key_rows <= std::numeric_limits<std::int32_t>::max(),
        "ragged: expected 0 to 2^31 - 1 key rows, found ", key_rows);
  for (std::size_t s = 0; s < key_begin.size(); ++s)
    check(key_begin[s] >= 0 && key_length[s] >= 0 &&
              std::int64_t{key_begin[s]} + key_length[s] <= key_rows,
          "ragged: sequence ", s, " wants ", key_length[s], " key rows from row ", key_begin[s],
          " on, but there are ", key_rows);
  const Numbers offsets = offsets_of(query_lengths);
  Ragged result;
  result.sequences = static_cast<std::int64_t>(query_lengths.size());
  result.rows = offsets.back();
  result.key_rows = key_rows;
  result.max_queries = longest(query_lengths);
  result.max_keys = longest(key_length);
  result.offsets = Tensor::from(offsets);
  result.key_begin = Tensor::from(key_begin, {result.sequences});
  result.key_length = Tensor::from(key_length, {result.sequences});
  find_groups(key_begin, key_length, result);
  return result;
}

Tensor Ragged::block_offsets(std::int64_t heads) const {
  const std::int32_t* first = offsets.data<std::int32_t>();
  const std::int32_t* keys = key_length.data<std::int32_t>();
  std::vector<std::int64_t> result = {0};
  for (std::int64_t s = 0; s < sequences; ++s) {
    const std::int64_t block = std::int64_t{first[s + 1] - first[s]} * keys[s];
    check(block == 0 || heads < ((std::int64_t{1} << 46) - result.back()) / block,
          "ragged: too many blocks of queries x keys for ", heads, " heads");
    result.push_back(result.back() + heads * block);
  }
  return Tensor::from(result);
}

}  // namespace retort
