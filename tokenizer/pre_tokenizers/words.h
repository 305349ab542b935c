// Pre-tokenizers that cut by the kind of each character.
#pragma once

#include <cstddef>

#include "tokenizer/pre_tokenizers/behavior.h"
#include "tokenizer/pre_tokenizers/pre_tokenizer.h"

namespace retort {

/// White space separates and disappears, each punctuation character is a piece of its own.
class BertPreTokenizer : public PreTokenizer {
 public:
  void apply(PreTokens& tokens) const override;
};

/// White space separates and disappears.
class WhitespaceSplit : public PreTokenizer {
 public:
  void apply(PreTokens& tokens) const override;
};

/// \w+|[^\w\s]+
class Whitespace : public PreTokenizer {
 public:
  void apply(PreTokens& tokens) const override;
};

class CharDelimiterSplit : public PreTokenizer {
 public:
  explicit CharDelimiterSplit(char32_t delimiter) : delimiter_(delimiter) {}
  static CharDelimiterSplit from_json(const Json& json, const std::string& where);
  void apply(PreTokens& tokens) const override;

 private:
  char32_t delimiter_;
};

class Punctuation : public PreTokenizer {
 public:
  explicit Punctuation(SplitBehavior behavior) : behavior_(behavior) {}
  void apply(PreTokens& tokens) const override;

 private:
  SplitBehavior behavior_;
};

class Digits : public PreTokenizer {
 public:
  explicit Digits(bool individual) : individual_(individual) {}
  void apply(PreTokens& tokens) const override;

 private:
  bool individual_;
};

/// Cuts where the script changes (Unicode 9; hiragana and katakana count as Han).
class UnicodeScripts : public PreTokenizer {
 public:
  void apply(PreTokens& tokens) const override;
};

/// Cuts every so many characters.
class FixedLength : public PreTokenizer {
 public:
  explicit FixedLength(std::size_t length) : length_(length) {}
  static FixedLength from_json(const Json& json, const std::string& where);
  void apply(PreTokens& tokens) const override;

 private:
  std::size_t length_;
};

/// The one character that a string of a tokenizer.json holds.
char32_t only_character(const std::string& text, const std::string& where);

}  // namespace retort
