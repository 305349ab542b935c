// Tokens on their way out of a text: lists whose room is kept from text to text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tokenizer/encoding.h"

namespace retort {

/// The lists are as long as their room; the first `count` entries of them are tokens. Those behind
/// the ids are only there where they were asked for.
struct TokenLists {
  std::vector<std::int32_t> ids;
  std::vector<Offsets> byte_offsets;
  std::vector<std::int32_t> word_ids;
  std::size_t count = 0;

  /// Room for `more` ids.
  void reserve_ids(std::size_t more) {
    if (ids.size() < count + more) ids.resize(2 * (count + more));
  }
  /// And for what is said of them.
  void reserve(std::size_t more) {
    if (word_ids.size() >= count + more) return;
    reserve_ids(more);
    byte_offsets.resize(ids.size());
    word_ids.resize(ids.size());
  }
};

}  // namespace retort
