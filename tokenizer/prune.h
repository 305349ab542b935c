// Tokenizers with the tokens that a corpus needs and no others.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace retort {

struct PrunedTokenizer {
  Tokenizer tokenizer;
  std::vector<std::int32_t> kept;  ///< the old id of each new one, ascending
};

/// Keeps the tokens of `texts`, every added token and what the post-processor adds, under new ids
/// in the old order. The texts give the same tokens as before: WordPiece also keeps the pieces that
/// it tries before it gives a word up, BPE the merges that lead to a token and, byte-level, the 256
/// bytes; Unigram its least likely piece, which decides what an unknown character costs, and bytes
/// to fall back to. Every word of the texts is looked up again; one that would be split otherwise
/// is an error.
PrunedTokenizer prune_tokenizer(const Tokenizer& tokenizer, std::span<const std::string> texts);

}  // namespace retort
