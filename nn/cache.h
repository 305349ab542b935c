// Keys and values that a decoder computed for the tokens before, so that each further token costs
// one row of work.
//
// All layers lay their sequences out alike: a sequence has a place, the same rows of every layer's
// two matrices, with room to grow behind it. Places move only when one has become too small; then
// each gets twice the room that it needs, so memory stays within twice the tokens (and 64 rows a
// sequence). Only generation has a cache; training and encoders never see one. An
// encoder-decoder's also keeps what its decoder sees of the prompts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/encoded_prompts.h"
#include "tensor/ragged.h"

namespace retort {

class KeyValueCache {
 public:
  /// positions: the most tokens that a sequence may come to have.
  explicit KeyValueCache(std::int64_t positions) : positions_(positions) {}
  KeyValueCache(const KeyValueCache&) = delete;
  KeyValueCache& operator=(const KeyValueCache&) = delete;

  std::int64_t sequences() const { return static_cast<std::int64_t>(places_.size()); }
  /// Tokens of a sequence.
  std::int64_t length(std::int64_t sequence) const { return place(sequence).length; }
  /// Rows that each layer has memory for.
  std::int64_t rows() const { return rows_; }

  /// lengths[s] more tokens of sequence s, and room for them; the first call says how many
  /// sequences there are. Gives the layout of a batch of these tokens, whose keys are all that the
  /// cache then holds: every layer has to append() its own before they are read. Errors: another
  /// number of sequences; more tokens than positions.
  Ragged extend(std::span<const std::int32_t> lengths);

  /// Writes a layer's (counted from 1) keys and values of extend()'s tokens [tokens, columns], and
  /// gives all that it has. Error: another number of tokens.
  const KeyValueRows& append(int layer, const Tensor& keys, const Tensor& values);

  /// Sequence i becomes what sequence sources[i] was; one that isn't named is dropped, one that is
  /// named several times is copied. Error: there is no such sequence.
  void select(std::span<const std::int64_t> sources);

  /// Of an encoder-decoder, with a prompt for each sequence.
  EncodedPrompts& prompts() { return prompts_; }

 private:
  struct Place {
    std::int64_t begin = 0, room = 0;
    std::int64_t length = 0;
    std::int64_t added = 0;  // the last of them, by extend()
  };
  const Place& place(std::int64_t sequence) const;
  void move_all();
  void copy_rows(const Place& from, const Place& to);

  std::int64_t positions_;
  std::int64_t rows_ = 0;
  std::vector<Place> places_;
  std::vector<KeyValueRows> layers_;
  EncodedPrompts prompts_;
};

}  // namespace retort
