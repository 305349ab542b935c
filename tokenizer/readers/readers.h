// The files that a tokenizer comes in. Each reader treats its input as hostile: an error names the
// file and the line, token or component.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/definition.h"

namespace retort {

/// The pieces of a vocab.txt, one per line in id order; white space at a line's end is not part of
/// its piece. Errors: invalid UTF-8, an empty line, a piece that stands on two lines.
std::vector<std::string> read_vocab(const std::filesystem::path& path);
std::vector<std::string> parse_vocab(std::string_view text, const std::string& name);

/// A tokenizer.json. Errors: an unknown component, a bad field.
TokenizerDefinition read_tokenizer_json(const std::filesystem::path& path);
/// The same from its text; `name` starts every error message.
TokenizerDefinition parse_tokenizer_json(std::string_view text, const std::string& name);

/// A byte-level BPE from GPT-2's two files: vocab.json (ids by piece) and merges.txt (a pair per
/// line, in rank order). No added tokens but <|endoftext|>, if it is a piece.
TokenizerDefinition read_bpe_files(const std::filesystem::path& vocab,
                                   const std::filesystem::path& merges);
TokenizerDefinition parse_bpe_files(std::string_view vocab, const std::string& vocab_name,
                                    std::string_view merges, const std::string& merges_name);

/// A SentencePiece model, Unigram or BPE, as transformers converts it.
TokenizerDefinition parse_sentencepiece(std::string_view bytes, const std::string& name);

/// Ranks of byte strings ("base64 rank" per line), as tiktoken has them. With 128,000 ranks they
/// are Llama 3's and bring its pattern and special tokens, otherwise GPT-2's.
TokenizerDefinition parse_tiktoken(std::string_view text, const std::string& name);

/// Takes from a tokenizer_config.json what it says about the options; other keys are not looked at.
void apply_tokenizer_config(const std::filesystem::path& path, TokenizerOptions& options);

/// The tokens of tokenizer_config.json's added_tokens_decoder that `definition` doesn't have, in id
/// order: for directories without a tokenizer.json.
void apply_added_tokens_decoder(const std::filesystem::path& path, TokenizerDefinition& definition);

}  // namespace retort
