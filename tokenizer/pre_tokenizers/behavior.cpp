#include "tokenizer/pre_tokenizers/behavior.h"

#include <algorithm>

#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {

void apply_behavior(const PreTokens& tokens, const Piece& piece,
                    const std::vector<MatchPart>& parts, SplitBehavior behavior,
                    std::vector<Piece>& out) {
  std::vector<MatchPart> merged;
  bool previous = false;  // whether the part before was a match
  switch (behavior) {
    case SplitBehavior::kRemoved:
      for (const MatchPart& part : parts)
        if (!part.matched) tokens.cut(piece, part.begin, part.end, out);
      return;
    case SplitBehavior::kIsolated:
      for (const MatchPart& part : parts) tokens.cut(piece, part.begin, part.end, out);
      return;
    case SplitBehavior::kContiguous:
      for (const MatchPart& part : parts) {
        if (part.matched == previous && !merged.empty()) merged.back().end = part.end;
        else merged.push_back(part);
        previous = part.matched;
      }
      break;
    case SplitBehavior::kMergedWithPrevious:
      for (const MatchPart& part : parts) {
        if (part.matched && !previous && !merged.empty()) merged.back().end = part.end;
        else merged.push_back(part);
        previous = part.matched;
      }
      break;
    case SplitBehavior::kMergedWithNext:
      for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
        if (part->matched && !previous && !merged.empty()) merged.back().begin = part->begin;
        else merged.push_back(*part);
        previous = part->matched;
      }
      std::reverse(merged.begin(), merged.end());
      break;
  }
  for (const MatchPart& part : merged) tokens.cut(piece, part.begin, part.end, out);
}

SplitBehavior parse_behavior(const std::string& name, const std::string& where) {
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  fail(where, ": the behavior ", json_quote(name),
       " is not one of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

}  // namespace retort
