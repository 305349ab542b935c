// The decoders. Replace is the normaliser of that name.
#pragma once

#include "tokenizer/decoders/decoder.h"
#include "tokenizer/normalizers/edits.h"

namespace retort {

/// Removes the end-of-word suffix and puts spaces there.
class BpeDecoder : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  std::vector<std::string> apply(std::vector<std::string> tokens) const override;

 private:
  std::string suffix_;
};

/// From the characters that write bytes to the bytes; what is no UTF-8 becomes U+FFFD.
class ByteLevelDecoder : public Decoder {
 public:
  std::vector<std::string> apply(std::vector<std::string> tokens) const override;
};

/// Spaces before tokens that begin a word, and (cleanup) none before punctuation.
class WordPieceDecoder : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup)
      : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  std::vector<std::string> apply(std::vector<std::string> tokens) const override;

 private:
  std::string prefix_;
  bool cleanup_;
};

/// U+2581 (or another character) becomes a space, but disappears in the first token (if one was put
/// there).
class MetaspaceDecoder : public Decoder {
 public:
  MetaspaceDecoder(char32_t replacement, bool prepended)
      : replacement_(replacement), prepended_(prepended) {}
  std::vector<std::string> apply(std::vector<std::string> tokens) const override;

 private:
  char32_t replacement_;
  bool prepended_;
};

/// Speech recognition's: repeated tokens are one, pads disappear.
class CtcDecoder : public Decoder {
 public:
  CtcDecoder(std::string pad, std::string delimiter, bool cleanup)
      : pad_(std::move(pad)), delimiter_(std::move(delimiter)), cleanup_(cleanup) {}
  std::vector<std::string> apply(std::vector<std::string> tokens) const override;

 private:
  std::string pad_, delimiter_;
  bool cleanup_;
};

class ReplaceDecoder : public Decoder {
 public:
  explicit ReplaceDecoder(Replace replace) : replace_(std::move(replace)) {}
  std::vector<std::string> apply(std::vector<std::string> tokens) const override;

 private:
  Replace replace_;
};

/// Makes all tokens one.
class FuseDecoder : public Decoder {
 public:
  std::vector<std::string> apply(std::vector<std::string> tokens) const override;
};

/// Takes so many of a character away at the ends of each token.
class StripDecoder : public Decoder {
 public:
  StripDecoder(char32_t content, std::size_t start, std::size_t stop)
      : content_(content), start_(start), stop_(stop) {}
  std::vector<std::string> apply(std::vector<std::string> tokens) const override;

 private:
  char32_t content_;
  std::size_t start_, stop_;
};

/// <0x00> to <0xFF> become bytes; a run of them that is no UTF-8, U+FFFD for each.
class ByteFallbackDecoder : public Decoder {
 public:
  std::vector<std::string> apply(std::vector<std::string> tokens) const override;
};

class DecoderSequence : public Decoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<Decoder>> parts)
      : parts_(std::move(parts)) {}
  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    for (const auto& part : parts_) tokens = part->apply(std::move(tokens));
    return tokens;
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

}  // namespace retort
