// Text that a model writes behind prompts: ids from nn/generate.h as text, whole or as it comes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nn/generate.h"
#include "tokenizer/tokenizer.h"

namespace retort {

struct GeneratedText {
  /// What follows the prompt, to the end of the stop string where one was found; without special
  /// tokens and without a character of which tokens are missing.
  std::string text;
  std::vector<std::int32_t> ids;
  Ending ending = Ending::length;
};

struct TextCallbacks {
  /// A piece of text behind a prompt as soon as it is known; never with beams.
  std::function<void(std::size_t prompt, const std::string& piece)> piece = {};
  /// Asked before each further token: whether all texts shall end here.
  std::function<bool()> should_stop = {};
};

/// A prompt's ids with the tokenizer's special tokens, or where there are none `bos`, as in
/// transformers. Errors: there is none of either; as many as the model has positions.
TokenSequence encode_prompt(const Tokenizer& tokenizer, const std::string& prompt,
                            std::int64_t positions, std::optional<std::int32_t> bos = {});

/// Goes on with prompts until one of `stop_strings` has been written, wherever tokens begin and
/// end, or the options say so. A prompt that ends in the midst of a word is gone on with there.
/// Errors: those of generate().
std::vector<GeneratedText> generate_text(Decoding& decoding, const Tokenizer& tokenizer,
                                         const std::vector<TokenSequence>& prompts,
                                         const GenerateOptions& options,
                                         const std::vector<std::string>& stop_strings = {},
                                         const TextCallbacks& callbacks = {});

}  // namespace retort
