// Tokenizer::load: finds the right file of a model directory.
#include <utility>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/tokenizer.h"

namespace retort {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// A file called tokenizer.model is SentencePiece's, or (Llama 3) lines of ranks.
TokenizerDefinition read_model_file(const fs::path& path) {
  const std::string bytes = read_file(path);
  // A model of SentencePiece begins with the field 1 of its protobuf, a line feed.
  const bool is_text = !bytes.empty() && bytes[0] != '\n';
  return is_text ? parse_tiktoken(bytes, path.string()) : parse_sentencepiece(bytes, path.string());
}

TokenizerDefinition read_one(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".json") return read_tokenizer_json(path);
  if (extension == ".model" || extension == ".tiktoken") return read_model_file(path);
  return bert_definition(read_vocab(path), TokenizerOptions{}, path.string());
}

// `name`: the file that was read.
TokenizerDefinition read_directory(const fs::path& path, std::string& name) {
  const fs::path config = path / "tokenizer_config.json", json = path / "tokenizer.json",
                 vocab = path / "vocab.txt";
  const bool has_config = is_there(config);
  if (is_there(json)) {
    name = json.string();
    TokenizerDefinition definition = read_tokenizer_json(json);
    if (has_config) {
      // As transformers does, BERT's flags there win over tokenizer.json; the unknown token is the
      // model's.
      const TokenizerOptions model = definition.options;
      apply_tokenizer_config(config, definition.options);
      definition.options.unk_token = model.unk_token;
      if (definition.is_bert) definition.normalizer = bert_normalizer(definition.options);
    }
    return definition;
  }
  // An old way to write further tokens, which would be split if they were left out.
  check(!is_there(path / "added_tokens.json"), (path / "added_tokens.json").string(),
        ": is not supported without a tokenizer.json; save the tokenizer again with transformers 4 "
        "or 5");
  TokenizerDefinition definition;
  if (is_there(vocab)) {
    TokenizerOptions options;
    if (has_config) apply_tokenizer_config(config, options);
    name = vocab.string();
    definition = bert_definition(read_vocab(vocab), options, name);
  } else if (is_there(path / "vocab.json") && is_there(path / "merges.txt")) {
    name = (path / "vocab.json").string();
    definition = read_bpe_files(path / "vocab.json", path / "merges.txt");
  } else if (const fs::path model =
                 path / (is_there(path / "tokenizer.model") ? "tokenizer.model" : "spiece.model");
             is_there(model)) {
    name = model.string();
    definition = read_model_file(model);
  } else {
    fail(path.string(),
         ": holds none of tokenizer.json, vocab.txt, vocab.json with merges.txt, "
         "tokenizer.model, spiece.model, so it is not the directory of a tokenizer");
  }
  if (has_config) apply_added_tokens_decoder(config, definition);
  return definition;
}

}  // namespace

Tokenizer Tokenizer::load(const fs::path& path) {
  check(is_there(path), path.string(), ": no such file or directory");
  std::error_code ignored;
  std::string name = path.string();
  TokenizerDefinition definition =
      fs::is_directory(path, ignored) ? read_directory(path, name) : read_one(path);
  return Tokenizer(std::move(definition), name);
}

}  // namespace retort
