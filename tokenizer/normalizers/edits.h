// Normalisers that add, take away or replace text: Strip, Prepend, Replace; and Sequence.
#pragma once

#include <string>

#include "tokenizer/normalizers/normalizer.h"
#include "tokenizer/regex/regex.h"

namespace retort {

/// Takes white space away at the ends.
class StripSpace : public Normalizer {
 public:
  StripSpace(bool left, bool right) : left_(left), right_(right) {}
  void apply(AlignedText& text) const override;

 private:
  bool left_, right_;
};

/// Puts a prefix before a text that isn't empty.
class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(AlignedText& text) const override;
  const std::string& prefix() const { return prefix_; }

 private:
  std::string prefix_;
};

/// Replaces every match of a pattern.
class Replace : public Normalizer {
 public:
  /// `literal`: the text that `pattern` matches when it isn't a regular expression.
  Replace(Regex pattern, std::string literal, std::string content)
      : pattern_(std::move(pattern)), literal_(std::move(literal)), content_(std::move(content)) {}
  static Replace from_json(const Json& json, const std::string& where);

  void apply(AlignedText& text) const override;
  std::string apply(std::string_view text) const;
  /// What is replaced; empty: the matches of a regular expression.
  const std::string& literal() const { return literal_; }
  const std::string& content() const { return content_; }

 private:
  std::vector<Regex::Match> matches(std::string_view text) const;
  std::string replaced(std::string_view text, const std::vector<Regex::Match>& matches) const;

  Regex pattern_;
  std::string literal_, content_;
};

class NormalizerSequence : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> parts)
      : parts_(std::move(parts)) {}
  void apply(AlignedText& text) const override {
    for (const auto& part : parts_) part->apply(text);
  }
  const std::vector<std::unique_ptr<Normalizer>>& parts() const { return parts_; }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

/// {"String": s} or {"Regex": r}: the pattern, and s (empty for a Regex).
std::pair<Regex, std::string> read_pattern(const Json& json, const std::string& where);

}  // namespace retort
