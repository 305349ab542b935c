// The files that a tokenizer comes in. Each reader treats its input as hostile: an error names the
// file and the line, token or component.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tokenizer/definition.h"

namespace retort {

/// The pieces of a vocab.txt, one per line in id order; white space at a line's end is not part of
/// its piece. Errors: invalid UTF-8, an empty line, a piece that stands on two lines.
std::vector<std::string> read_vocab(const std::filesystem::path& path);

/// A tokenizer.json of the WordPiece family. Any component that isn't BERT's is an error that names
/// it.
TokenizerDefinition read_tokenizer_json(const std::filesystem::path& path);

/// Takes from a tokenizer_config.json what it says about the options; other keys are not looked at.
void apply_tokenizer_config(const std::filesystem::path& path, TokenizerOptions& options);

/// The tokens of tokenizer_config.json's added_tokens_decoder that `definition` doesn't have, in id
/// order: for directories without a tokenizer.json.
void apply_added_tokens_decoder(const std::filesystem::path& path, TokenizerDefinition& definition);

}  // namespace retort
