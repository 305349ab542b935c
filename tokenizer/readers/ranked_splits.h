// The merges that a list of pieces implies, when only the pieces and their order are known.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/models/bpe.h"

namespace retort {

/// For each piece, in the order of `ids`, all ways to put it together from two pieces, by the ids
/// of the left and the right one. Empty pieces and parts don't count. Pieces are only cut between
/// characters.
inline std::vector<MergeTable::Merge> ranked_splits(const Vocabulary& vocabulary,
                                                    const std::vector<std::int32_t>& ids) {
  std::vector<MergeTable::Merge> merges;
  std::vector<MergeTable::Merge> here;
  for (const std::int32_t id : ids) {
    const std::string_view piece = vocabulary.text(id);
    here.clear();
    for (std::size_t cut = 1; cut < piece.size(); ++cut) {
      if ((static_cast<unsigned char>(piece[cut]) & 0xC0) == 0x80) continue;
      const std::int32_t left = vocabulary.find(piece.substr(0, cut));
      if (left == Vocabulary::kNone) continue;
      const std::int32_t right = vocabulary.find(piece.substr(cut));
      if (right != Vocabulary::kNone) here.push_back({left, right, id});
    }
    std::sort(here.begin(), here.end(), [](const auto& a, const auto& b) {
      return a.left != b.left ? a.left < b.left : a.right < b.right;
    });
    merges.insert(merges.end(), here.begin(), here.end());
  }
  return merges;
}

}  // namespace retort
