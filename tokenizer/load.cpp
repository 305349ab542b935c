// Tokenizer::load: finds the right file of a model directory.
#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/read_files.h"
#include "tokenizer/tokenizer.h"

namespace retort {

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    check(fs::exists(path, ignored), path.string(), ": no such file or directory");
    if (path.extension() == ".json") return Tokenizer(read_tokenizer_json(path), path.string());
    return from_vocab(read_vocab(path), TokenizerOptions{}, path.string());
  }
  const fs::path config = path / "tokenizer_config.json", json = path / "tokenizer.json",
                 vocab = path / "vocab.txt";
  const bool has_config = fs::exists(config, ignored);
  if (fs::exists(json, ignored)) {
    TokenizerDefinition definition = read_tokenizer_json(json);
    if (has_config) {
      const std::string unk_token = definition.options.unk_token;
      apply_tokenizer_config(config, definition.options);
      definition.options.unk_token = unk_token;  // the model's own
    }
    return Tokenizer(std::move(definition), json.string());
  }
  check(fs::exists(vocab, ignored), path.string(),
        ": holds neither tokenizer.json nor vocab.txt, so it is not the directory of a WordPiece "
        "model");
  // An old way to write further tokens, which would be split if they were left out.
  check(!fs::exists(path / "added_tokens.json", ignored), (path / "added_tokens.json").string(),
        ": is not supported without a tokenizer.json; save the tokenizer again with transformers 4 "
        "or 5");
  TokenizerOptions options;
  if (has_config) apply_tokenizer_config(config, options);
  TokenizerDefinition definition = bert_definition(read_vocab(vocab), options);
  if (has_config) apply_added_tokens_decoder(config, definition);
  return Tokenizer(std::move(definition), vocab.string());
}

}  // namespace retort
