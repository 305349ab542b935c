// Tokenizer::save: the files of a model directory, as transformers reads them.
#include <limits>
#include <utility>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tokenizer/tokenizer.h"

namespace retort {
namespace {

std::string vocab_text(const Vocabulary& vocabulary, const std::string& name) {
  std::string text;
  for (std::int32_t id = 0; id < vocabulary.limit(); ++id) {
    const std::string_view piece = vocabulary.text(id);
    check(piece.find_first_of("\n\r") == std::string::npos, name, ": the token ", json_quote(piece),
          " holds a line break and can't be written");
    text.append(piece) += '\n';
  }
  return text;
}

// Whether transformers' own BERT classes, which build a tokenizer anew from the vocabulary and a
// few flags, make the same one.
bool is_usual(const Tokenizer& tokenizer) {
  const TokenizerDefinition& definition = tokenizer.definition();
  if (!definition.is_bert) return false;
  TokenizerOptions options = definition.options;
  const TokenizerOptions usual;
  if (options.clean_text != usual.clean_text ||
      options.max_input_chars_per_word != usual.max_input_chars_per_word ||
      options.continuing_subword_prefix != usual.continuing_subword_prefix)
    return false;
  std::vector<std::string> vocab;
  const Vocabulary& vocabulary = definition.model->vocabulary();
  for (std::int32_t id = 0; id < vocabulary.limit(); ++id) vocab.emplace_back(vocabulary.text(id));
  try {
    TokenizerDefinition anew = bert_definition(vocab, options, "the vocabulary");
    anew.added = definition.added;
    return tokenizer.difference(Tokenizer(std::move(anew), "the vocabulary")).empty();
  } catch (const Error&) {
    return false;  // a special token that isn't there
  }
}

}  // namespace

void Tokenizer::save(const std::filesystem::path& dir, std::string_view model_type,
                     bool token_types) const {
  const bool distil = model_type == "distilbert";
  const TokenizerOptions& o = options();
  // Other models' classes make other tokenizers than a vocabulary of BERT's gives.
  const bool usual = (distil || model_type == "bert") && is_usual(*this);
  Json config;
  config["backend"] = "tokenizers";
  const auto name_token = [&](const char* key, const std::string& token) {
    if (id(token)) config[key] = token;
  };
  name_token("cls_token", o.cls_token);
  if (definition_.is_bert) config["do_lower_case"] = o.lowercase;
  name_token("mask_token", o.mask_token);
  if (!usual) {
    Json inputs{Json::Array{}};
    inputs.push_back("input_ids");
    if (token_types) inputs.push_back("token_type_ids");
    inputs.push_back("attention_mask");
    config["model_input_names"] = std::move(inputs);
  }
  // 1e30 is how transformers writes "no limit".
  config["model_max_length"] =
      o.model_max_length == std::numeric_limits<int>::max() ? Json(1e30) : Json(o.model_max_length);
  name_token("pad_token", o.pad_token);
  name_token("sep_token", o.sep_token);
  if (definition_.is_bert) {
    config["strip_accents"] = o.strip_accents ? Json(*o.strip_accents) : Json();
    config["tokenize_chinese_chars"] = o.tokenize_chinese_chars;
  }
  config["tokenizer_class"] = !usual   ? "PreTrainedTokenizerFast"
                              : distil ? "DistilBertTokenizer"
                                       : "BertTokenizer";
  name_token("unk_token", o.unk_token);

  std::filesystem::create_directories(dir);
  if (definition_.is_bert)
    replace_file(dir / "vocab.txt",
                 vocab_text(definition_.model->vocabulary(), (dir / "vocab.txt").string()));
  replace_file(dir / "tokenizer.json", tokenizer_json(definition_).dump(2) + "\n");
  replace_file(dir / "tokenizer_config.json", config.dump(2) + "\n");
}

}  // namespace retort
