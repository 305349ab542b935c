#include "nn/encoded_prompts.h"

#include "tensor/base/error.h"

namespace retort {

void EncodedPrompts::begin(std::span<const std::int32_t> lengths) {
  check(lengths_.empty(), "cache: an encoder's prompts were given before");
  for (const std::int32_t length : lengths) {
    begins_.push_back(static_cast<std::int32_t>(rows_));
    lengths_.push_back(length);
    rows_ += length;
  }
}

Ragged EncodedPrompts::seen_by(std::span<const std::int32_t> lengths) const {
  return Ragged::over_ranges(lengths, begins_, lengths_, rows_);
}

const KeyValueRows& EncodedPrompts::layer(int layer, const std::function<KeyValueRows()>& make) {
  const auto index = static_cast<std::size_t>(layer - 1);
  if (index >= layers_.size()) layers_.resize(index + 1);
  KeyValueRows& rows = layers_[index];
  if (rows.keys.defined()) return rows;
  rows = make();
  check(rows.keys.size(0) == rows_ && rows.values.size(0) == rows_, "cache: keys ",
        rows.keys.shape(), " and values ", rows.values.shape(), " were given for prompts of ",
        rows_, " tokens");
  return rows;
}

void EncodedPrompts::select(std::span<const std::int64_t> sources) {
  std::vector<std::int32_t> begins, lengths;
  for (const std::int64_t source : sources) {
    begins.push_back(begins_.at(static_cast<std::size_t>(source)));
    lengths.push_back(lengths_.at(static_cast<std::size_t>(source)));
  }
  begins_ = std::move(begins);
  lengths_ = std::move(lengths);
}

}  // namespace retort
