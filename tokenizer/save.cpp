// Tokenizer::save: the three files of a model directory, as transformers reads them.
#include <limits>
#include <utility>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tokenizer/post_processor.h"
#include "tokenizer/tokenizer.h"

namespace retort {
namespace {

// Objects are filled member by member: g++ 12 warns wrongly about initialiser lists of variants.

Json optional_bool(const std::optional<bool>& value) { return value ? Json(*value) : Json(); }

Json added_token_json(const AddedToken& token) {
  Json result;
  result["id"] = token.id;
  result["content"] = token.content;
  result["single_word"] = token.single_word;
  result["lstrip"] = token.lstrip;
  result["rstrip"] = token.rstrip;
  result["normalized"] = token.normalized;
  result["special"] = token.special;
  return result;
}

Json template_json(const Template& pieces) {
  Json result{Json::Array{}};
  for (const TemplatePiece& piece : pieces) {
    const bool special = piece.kind == TemplatePiece::Kind::kSpecial;
    Json item;
    Json& body = item[special ? "SpecialToken" : "Sequence"];
    body["id"] = special ? piece.name : piece.kind == TemplatePiece::Kind::kFirst ? "A" : "B";
    body["type_id"] = piece.type_id;
    result.push_back(std::move(item));
  }
  return result;
}

Json post_processor_json(const TokenizerDefinition& definition,
                         const std::vector<std::string>& tokens) {
  Json special{Json::Object{}};
  for (const Template* pieces : {&definition.single, &definition.pair})
    for (const TemplatePiece& piece : *pieces) {
      if (piece.kind != TemplatePiece::Kind::kSpecial) continue;
      Json ids{Json::Array{}}, names{Json::Array{}};
      for (const std::int32_t id : piece.ids) {
        ids.push_back(id);
        names.push_back(tokens[static_cast<std::size_t>(id)]);
      }
      Json& entry = special[piece.name];
      entry["id"] = piece.name;
      entry["ids"] = std::move(ids);
      entry["tokens"] = std::move(names);
    }
  Json result;
  result["type"] = "TemplateProcessing";
  result["single"] = template_json(definition.single);
  result["pair"] = template_json(definition.pair);
  result["special_tokens"] = std::move(special);
  return result;
}

Json tokenizer_json(const TokenizerDefinition& definition, const std::vector<std::string>& tokens) {
  const TokenizerOptions& options = definition.options;
  Json root;
  root["version"] = "1.0";
  root["truncation"] = nullptr;
  root["padding"] = nullptr;
  Json added{Json::Array{}};
  for (const AddedToken& token : definition.added) added.push_back(added_token_json(token));
  root["added_tokens"] = std::move(added);
  Json normalizer;
  normalizer["type"] = "BertNormalizer";
  normalizer["clean_text"] = options.clean_text;
  normalizer["handle_chinese_chars"] = options.tokenize_chinese_chars;
  normalizer["strip_accents"] = optional_bool(options.strip_accents);
  normalizer["lowercase"] = options.lowercase;
  root["normalizer"] = std::move(normalizer);
  root["pre_tokenizer"]["type"] = "BertPreTokenizer";
  root["post_processor"] = post_processor_json(definition, tokens);
  Json decoder;
  decoder["type"] = "WordPiece";
  decoder["prefix"] = options.continuing_subword_prefix;
  decoder["cleanup"] = true;
  root["decoder"] = std::move(decoder);
  Json model;
  model["type"] = "WordPiece";
  model["unk_token"] = options.unk_token;
  model["continuing_subword_prefix"] = options.continuing_subword_prefix;
  model["max_input_chars_per_word"] = options.max_input_chars_per_word;
  Json::Object vocab;
  vocab.reserve(definition.vocab.size());
  for (const std::string& piece : definition.vocab) vocab.emplace_back(piece, Json(vocab.size()));
  model["vocab"] = std::move(vocab);
  root["model"] = std::move(model);
  return root;
}

}  // namespace

void Tokenizer::save(const std::filesystem::path& dir, std::string_view model_type) const {
  const bool distil = model_type == "distilbert";
  check(distil || model_type == "bert", "a tokenizer is saved for bert or distilbert, not for ",
        model_type);
  const TokenizerOptions& o = options();
  std::string vocab;
  for (const std::string& piece : definition_.vocab) {
    check(piece.find_first_of("\n\r") == std::string::npos, (dir / "vocab.txt").string(),
          ": the token ", json_quote(piece), " holds a line break and can't be written");
    vocab += piece + "\n";
  }

  // transformers builds a BertTokenizer anew from the vocabulary and these flags, ignoring the rest
  // of tokenizer.json; what that can't express goes by the class that takes the file as it is.
  const TokenizerOptions usual;
  const TemplatePiece cls{TemplatePiece::Kind::kSpecial, o.cls_token, {cls_id_}, 0};
  const TemplatePiece sep{TemplatePiece::Kind::kSpecial, o.sep_token, {sep_id_}, 0};
  const bool as_bert = o.clean_text == usual.clean_text &&
                       o.max_input_chars_per_word == usual.max_input_chars_per_word &&
                       o.continuing_subword_prefix == usual.continuing_subword_prefix &&
                       same_ids(definition_.single, bert_template(cls, sep, false)) &&
                       same_ids(definition_.pair, bert_template(cls, sep, true));
  Json config;
  config["backend"] = "tokenizers";
  config["cls_token"] = o.cls_token;
  config["do_lower_case"] = o.lowercase;
  config["mask_token"] = o.mask_token;
  if (!as_bert) {
    Json inputs{Json::Array{}};
    inputs.push_back("input_ids");
    if (!distil) inputs.push_back("token_type_ids");
    inputs.push_back("attention_mask");
    config["model_input_names"] = std::move(inputs);
  }
  // 1e30 is how transformers writes "no limit".
  config["model_max_length"] =
      o.model_max_length == std::numeric_limits<int>::max() ? Json(1e30) : Json(o.model_max_length);
  config["pad_token"] = o.pad_token;
  config["sep_token"] = o.sep_token;
  config["strip_accents"] = optional_bool(o.strip_accents);
  config["tokenize_chinese_chars"] = o.tokenize_chinese_chars;
  config["tokenizer_class"] = !as_bert ? "PreTrainedTokenizerFast"
                              : distil ? "DistilBertTokenizer"
                                       : "BertTokenizer";
  config["unk_token"] = o.unk_token;

  std::filesystem::create_directories(dir);
  replace_file(dir / "vocab.txt", vocab);
  replace_file(dir / "tokenizer.json", tokenizer_json(definition_, tokens_).dump(2) + "\n");
  replace_file(dir / "tokenizer_config.json", config.dump(2) + "\n");
}

}  // namespace retort
