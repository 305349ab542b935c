// What becomes of the matches of a pattern when a text is split by it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tokenizer/aligned_text.h"

namespace retort {

enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// A part of a text, matched or between matches.
struct MatchPart {
  std::size_t begin, end;
  bool matched;
};

/// Appends the pieces of `piece` that its parts (which cover it, in order) make under `behavior`.
void apply_behavior(const PreTokens& tokens, const Piece& piece,
                    const std::vector<MatchPart>& parts, SplitBehavior behavior,
                    std::vector<Piece>& out);

/// Error: a name that isn't a behavior.
SplitBehavior parse_behavior(const std::string& name, const std::string& where);

}  // namespace retort
