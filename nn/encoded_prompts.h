// What an encoder-decoder's decoder sees of the prompts that its encoder has read: keys and values,
// computed once, which stay as they are however far the decoder comes.
//
// Each layer's rows are all prompts' end to end, and no row ever moves: sequences that go on with
// one prompt (beams) have the same range, and the rows of one that nobody goes on with any more lie
// there unread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tensor/ragged.h"

namespace retort {

/// One layer's keys and values [rows, key heads · head_dim], after norms and rotation.
struct KeyValueRows {
  Tensor keys, values;
};

class EncodedPrompts {
 public:
  /// Sequences that have a prompt.
  std::int64_t sequences() const { return static_cast<std::int64_t>(lengths_.size()); }
  /// There is a prompt for each sequence, of so many tokens. Error: prompts were given before.
  void begin(std::span<const std::int32_t> lengths);
  /// The layout in which lengths[s] tokens of sequence s see all of its prompt. Error: another
  /// number of sequences.
  Ragged seen_by(std::span<const std::int32_t> lengths) const;
  /// What a layer (counted from 1) sees: the first time, what `make` gives of all prompts' tokens.
  /// Error: that is another number of rows.
  const KeyValueRows& layer(int layer, const std::function<KeyValueRows()>& make);
  /// Sequence i becomes what sequence sources[i] was; there has to be one.
  void select(std::span<const std::int64_t> sources);

 private:
  std::vector<std::int32_t> begins_, lengths_;  // of each sequence's prompt
  std::int64_t rows_ = 0;
  std::vector<KeyValueRows> layers_;
};

}  // namespace retort
