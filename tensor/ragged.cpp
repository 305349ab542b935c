#include "tensor/ragged.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "tensor/base/error.h"

namespace retort {

Ragged Ragged::packed(std::span<const std::int32_t> lengths) {
  Ragged result;
  std::vector<std::int32_t> offsets = {0};
  std::int64_t total = 0;
  for (const std::int32_t length : lengths) {
    check(length >= 0, "ragged: a length is negative: ", length);
    total += length;
    check(total <= std::numeric_limits<std::int32_t>::max(), "ragged: more than 2^31 rows in a batch");
    offsets.push_back(static_cast<std::int32_t>(total));
    result.max_queries = std::max<std::int64_t>(result.max_queries, length);
  }
  result.sequences = static_cast<std::int64_t>(lengths.size());
  result.rows = result.key_rows = total;
  result.max_keys = result.max_queries;
  result.key_begin = Tensor::from(std::vector<std::int32_t>(offsets.begin(), offsets.end() - 1));
  result.key_length = Tensor::from(lengths, {result.sequences});
  result.offsets = Tensor::from(offsets);
  return result;
}

}  // namespace retort
