#include "tokenizer/definition.h"

#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/models/wordpiece.h"

namespace retort {
namespace {

// Objects are filled member by member: g++ 12 warns wrongly about initialiser lists of variants.

Json template_item(const char* kind, const std::string& id, int type_id) {
  Json item;
  item[kind]["id"] = id;
  item[kind]["type_id"] = type_id;
  return item;
}

Json bert_template(const TokenizerOptions& options, const Vocabulary& vocabulary) {
  Json result;
  result["type"] = "TemplateProcessing";
  Json single{Json::Array{}};
  single.push_back(template_item("SpecialToken", options.cls_token, 0));
  single.push_back(template_item("Sequence", "A", 0));
  single.push_back(template_item("SpecialToken", options.sep_token, 0));
  Json pair = single;
  pair.push_back(template_item("Sequence", "B", 1));
  pair.push_back(template_item("SpecialToken", options.sep_token, 1));
  result["single"] = std::move(single);
  result["pair"] = std::move(pair);
  for (const std::string* token : {&options.cls_token, &options.sep_token}) {
    Json ids{Json::Array{}}, names{Json::Array{}};
    ids.push_back(vocabulary.find(*token));
    names.push_back(*token);
    Json& entry = result["special_tokens"][*token];
    entry["id"] = *token;
    entry["ids"] = std::move(ids);
    entry["tokens"] = std::move(names);
  }
  return result;
}

Json optional_bool(const std::optional<bool>& value) { return value ? Json(*value) : Json(); }

}  // namespace

Json bert_normalizer(const TokenizerOptions& options) {
  Json normalizer;
  normalizer["type"] = "BertNormalizer";
  normalizer["clean_text"] = options.clean_text;
  normalizer["handle_chinese_chars"] = options.tokenize_chinese_chars;
  normalizer["strip_accents"] = optional_bool(options.strip_accents);
  normalizer["lowercase"] = options.lowercase;
  return normalizer;
}

TokenizerDefinition bert_definition(const std::vector<std::string>& vocab,
                                    const TokenizerOptions& options, const std::string& name) {
  check(!vocab.empty(), name, ": the vocabulary is empty");
  check(options.max_input_chars_per_word >= 0, name, ": max_input_chars_per_word is ",
        options.max_input_chars_per_word, ", which must not be negative");
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(vocab.size());
  for (std::size_t i = 0; i < vocab.size(); ++i) {
    check(!vocab[i].empty(), name, ": the token with id ", i, " is empty");
    entries.push_back({vocab[i], static_cast<std::int64_t>(i)});
  }
  TokenizerDefinition definition;
  definition.options = options;
  definition.is_bert = true;
  definition.model = std::make_shared<WordPiece>(
      Vocabulary(entries, name), options.unk_token, options.continuing_subword_prefix,
      static_cast<std::size_t>(options.max_input_chars_per_word), name);
  const Vocabulary& vocabulary = definition.model->vocabulary();
  for (const auto& [role, token] :
       {std::pair{"classification", &options.cls_token}, std::pair{"separator", &options.sep_token},
        std::pair{"padding", &options.pad_token}, std::pair{"mask", &options.mask_token}})
    check(vocabulary.find(*token) != Vocabulary::kNone, name, ": the vocabulary lacks the ", role,
          " token ", json_quote(*token));
  for (const std::string* token : {&options.pad_token, &options.unk_token, &options.cls_token,
                                   &options.sep_token, &options.mask_token}) {
    AddedToken added;
    added.content = *token;
    added.id = vocabulary.find(*token);
    added.special = true;
    definition.added.push_back(added);
  }
  definition.normalizer = bert_normalizer(options);
  definition.pre_tokenizer["type"] = "BertPreTokenizer";
  definition.post_processor = bert_template(options, vocabulary);
  definition.decoder["type"] = "WordPiece";
  definition.decoder["prefix"] = options.continuing_subword_prefix;
  definition.decoder["cleanup"] = true;
  return definition;
}

Json added_tokens_json(const std::vector<AddedToken>& tokens) {
  Json result{Json::Array{}};
  for (const AddedToken& token : tokens) {
    Json entry;
    entry["id"] = token.id;
    entry["content"] = token.content;
    entry["single_word"] = token.single_word;
    entry["lstrip"] = token.lstrip;
    entry["rstrip"] = token.rstrip;
    entry["normalized"] = token.normalized;
    entry["special"] = token.special;
    result.push_back(std::move(entry));
  }
  return result;
}

Json tokenizer_json(const TokenizerDefinition& definition) {
  Json root;
  root["version"] = "1.0";
  root["truncation"] = definition.truncation;
  root["padding"] = definition.padding;
  root["added_tokens"] = added_tokens_json(definition.added);
  root["normalizer"] = definition.normalizer;
  root["pre_tokenizer"] = definition.pre_tokenizer;
  root["post_processor"] = definition.post_processor;
  root["decoder"] = definition.decoder;
  root["model"] = definition.model->to_json();
  return root;
}

}  // namespace retort
