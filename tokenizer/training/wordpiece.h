// Makes a WordPiece vocabulary from texts: the demo's data have no published one.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tokenizer/training/progress.h"

namespace retort {

struct WordPieceTrainerOptions {
  int vocab_size = 30000;     // an upper bound: fewer when no pair is frequent enough
  int min_frequency = 2;      // a pair is joined only when it occurs so often
  int limit_alphabet = 1000;  // characters kept, the most frequent first
  bool lowercase = true;
  bool strip_accents = true;
  bool tokenize_chinese_chars = true;
  int max_word_characters = 100;  // longer words are left out: the model makes them [UNK] anyhow
};

/// A vocabulary in id order: [PAD] [UNK] [CLS] [SEP] [MASK], the alphabet, its continuations
/// ("##a"), then the joined pieces, the most frequent pair of pieces first (byte pair encoding, as
/// the reference's WordPiece trainer does it; ties go to the pair with the lower ids). Texts are
/// normalised and cut as BERT does. The same texts in the same order always give the same
/// vocabulary, and so do they in another order. Errors: invalid UTF-8 in a text (its number is
/// named), a vocab_size below the special tokens, alphabet and continuations.
std::vector<std::string> train_wordpiece(std::span<const std::string> texts,
                                         const WordPieceTrainerOptions& options,
                                         const TrainingProgress& progress = {});

}  // namespace retort
