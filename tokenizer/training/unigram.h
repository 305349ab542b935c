// Makes a Unigram vocabulary (T5's kind) from texts.
#pragma once

#include <span>
#include <string>

#include "tokenizer/definition.h"
#include "tokenizer/training/progress.h"

namespace retort {

struct UnigramTrainerOptions {
  int vocab_size = 8000;  // an upper bound
  int max_piece_characters = 16;
  double kept = 0.75;  // of the pieces, in each round of pruning
};

/// A whole tokenizer: <pad>, </s>, <unk>, then pieces with the logarithms of their probabilities.
/// Texts are normalised (NFKC, runs of spaces become one) and cut before spaces. Kudo's method:
/// from frequent substrings, expectation maximisation and pruning of the pieces whose loss hurts
/// least, until `vocab_size` remain; the characters of the texts always do. Errors: invalid UTF-8
/// in a text (its number is named), no text, a vocab_size below the characters.
TokenizerDefinition train_unigram(std::span<const std::string> texts,
                                  const UnigramTrainerOptions& options,
                                  const TrainingProgress& progress = {});

}  // namespace retort
