// Normalisers that treat every character by a rule of Unicode's (or of Google's NMT).
#pragma once

#include "tokenizer/normalization.h"
#include "tokenizer/normalizers/normalizer.h"

namespace retort {

/// NFC, NFD, NFKC, NFKD.
class UnicodeForm : public Normalizer {
 public:
  explicit UnicodeForm(unicode::Form form) : form_(form) {}
  void apply(AlignedText& text) const override;

 private:
  unicode::Form form_;
};

/// Drops marks (it doesn't decompose).
class StripAccents : public Normalizer {
 public:
  void apply(AlignedText& text) const override;
};

class Lowercase : public Normalizer {
 public:
  void apply(AlignedText& text) const override;
};

/// Drops controls and makes some separators and invisible characters spaces.
class Nmt : public Normalizer {
 public:
  void apply(AlignedText& text) const override;
};

/// Writes every byte as the character that byte-level vocabularies have for it.
class ByteLevelNormalizer : public Normalizer {
 public:
  void apply(AlignedText& text) const override;
};

}  // namespace retort
