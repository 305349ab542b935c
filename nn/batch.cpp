#include "nn/batch.h"

#include "tensor/base/error.h"

namespace retort {

Batch make_batch(std::span<const TokenSequence* const> sequences, const BatchLimits& limits) {
  std::vector<std::int32_t> ids, types, positions, lengths, first_rows;
  for (const TokenSequence* sequence : sequences) {
    const auto length = static_cast<std::int64_t>(sequence->ids.size());
    check(length > 0, "batch: a sequence has no tokens");
    check(length <= limits.positions, "batch: a sequence has ", length, " tokens, the model has ",
          limits.positions, " positions; truncate it with --max-length");
    check(sequence->type_ids.empty() || sequence->type_ids.size() == sequence->ids.size(),
          "batch: ", sequence->type_ids.size(), " token types for ", length, " tokens");
    first_rows.push_back(static_cast<std::int32_t>(ids.size()));
    lengths.push_back(static_cast<std::int32_t>(length));
    auto position = static_cast<std::int32_t>(limits.first_position);
    const std::int32_t start = position;
    for (std::size_t i = 0; i < sequence->ids.size(); ++i) {
      const std::int32_t id = sequence->ids[i];
      const std::int32_t type = sequence->type_ids.empty() ? 0 : sequence->type_ids[i];
      check(id >= 0 && id < limits.vocab, "batch: token id ", id, " is outside of the model's ",
            limits.vocab, " ids; the tokenizer belongs to another model");
      check(type >= 0 && (type < limits.types || limits.types == 0), "batch: token type ", type,
            " is outside of the model's ", limits.types);
      ids.push_back(id);
      types.push_back(type);
      positions.push_back(start > 0 && id == limits.pad ? start - 1 : position++);
    }
  }
  return {Tensor::from(ids), Tensor::from(types), Tensor::from(positions), Tensor::from(first_rows),
          Ragged::packed(lengths)};
}

}  // namespace retort
