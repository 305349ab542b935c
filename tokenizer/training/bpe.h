// Makes a byte-level BPE (GPT-2's kind) from texts.
#pragma once

#include <span>
#include <string>

#include "tokenizer/definition.h"
#include "tokenizer/training/progress.h"

namespace retort {

struct BpeTrainerOptions {
  int vocab_size = 30000;  // an upper bound: fewer when no pair is frequent enough
  int min_frequency = 2;   // a pair is joined only when it occurs so often
};

/// A whole tokenizer: <|endoftext|>, the 256 bytes, then the joined pieces in the order of their
/// joining. Texts are cut as GPT-2 does. The order of the texts doesn't matter. Errors: invalid
/// UTF-8 in a text (its number is named), a vocab_size below 257.
TokenizerDefinition train_bpe(std::span<const std::string> texts, const BpeTrainerOptions& options,
                              const TrainingProgress& progress = {});

}  // namespace retort
