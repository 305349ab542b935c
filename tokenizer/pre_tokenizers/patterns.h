// Pre-tokenizers that cut by a pattern or rewrite what they cut: Split, ByteLevel, Metaspace; and
// Sequence.
#pragma once

#include <optional>
#include <string>

#include "tokenizer/pre_tokenizers/behavior.h"
#include "tokenizer/pre_tokenizers/pre_tokenizer.h"
#include "tokenizer/pre_tokenizers/scanners.h"
#include "tokenizer/regex/regex.h"

namespace retort {

/// Splits by the matches of a pattern, or (invert) by what lies between them.
class Split : public PreTokenizer {
 public:
  static Split from_json(const Json& json, const std::string& where);
  void apply(PreTokens& tokens) const override;
  /// The scanner that cuts as this does, if there is one.
  std::optional<scanners::Known> scanner() const {
    return behavior_ == SplitBehavior::kIsolated ||
                   (behavior_ == SplitBehavior::kRemoved && invert_)
               ? known_
               : std::nullopt;
  }

 private:
  Split(Regex pattern, std::string literal, SplitBehavior behavior, bool invert);

  Regex pattern_;
  std::string literal_;
  SplitBehavior behavior_;
  bool invert_;
  std::optional<scanners::Known> known_;
};

/// GPT-2's: a space before the text (if asked for), its pattern (unless told not to), and every
/// byte written as a character.
class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex)
      : add_prefix_space_(add_prefix_space), use_regex_(use_regex) {}
  void apply(PreTokens& tokens) const override;
  bool keep_bytes() override {
    keeps_bytes_ = true;
    return true;
  }
  /// Whether it cuts by GPT-2's pattern and does nothing else.
  bool only_scans() const { return keeps_bytes_ && use_regex_ && !add_prefix_space_; }
  /// Whether it does nothing.
  bool leaves_pieces() const { return keeps_bytes_ && !use_regex_ && !add_prefix_space_; }

 private:
  bool add_prefix_space_, use_regex_, keeps_bytes_ = false;
};

/// Spaces become U+2581 (or another character), one is put before the text, and each starts a
/// piece.
class Metaspace : public PreTokenizer {
 public:
  enum class Prepend { kAlways, kFirst, kNever };
  Metaspace(char32_t replacement, Prepend prepend, bool split)
      : replacement_(replacement), prepend_(prepend), split_(split) {}
  static Metaspace from_json(const Json& json, const std::string& where);
  void apply(PreTokens& tokens) const override;
  bool needs_origins() const override { return prepend_ == Prepend::kFirst; }
  char32_t replacement() const { return replacement_; }
  Prepend prepend() const { return prepend_; }

 private:
  char32_t replacement_;
  Prepend prepend_;
  bool split_;
};

class PreTokenizerSequence : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<PreTokenizer>> parts)
      : parts_(std::move(parts)) {}
  void apply(PreTokens& tokens) const override {
    for (const auto& part : parts_) part->apply(tokens);
  }
  bool keep_bytes() override { return !parts_.empty() && parts_.back()->keep_bytes(); }
  bool needs_origins() const override {
    for (const auto& part : parts_)
      if (part->needs_origins()) return true;
    return false;
  }
  const std::vector<std::unique_ptr<PreTokenizer>>& parts() const { return parts_; }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

}  // namespace retort
