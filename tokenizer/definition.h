// What a tokenizer is made of, as data: the readers produce it, the Tokenizer compiles it, save()
// writes it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tensor/base/json.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/models/model.h"

namespace retort {

/// What tokenizer_config.json says: the knobs of a BERT tokenizer and the names of special tokens.
/// Their names there are in comments where they differ.
struct TokenizerOptions {
  bool lowercase = true;              // do_lower_case
  std::optional<bool> strip_accents;  // unset: as lowercase
  bool tokenize_chinese_chars = true;
  bool clean_text = true;
  int max_input_chars_per_word = 100;  // longer words become one [UNK]
  std::string continuing_subword_prefix = "##";
  std::string unk_token = "[UNK]", cls_token = "[CLS]", sep_token = "[SEP]", pad_token = "[PAD]",
              mask_token = "[MASK]";
  int model_max_length = 512;  // what the model takes; encode() truncates only when told to

  bool strips_accents() const { return strip_accents.value_or(lowercase); }
  bool operator==(const TokenizerOptions&) const = default;
};

/// The parts are as in a tokenizer.json; null: there is none.
struct TokenizerDefinition {
  TokenizerOptions options;
  std::shared_ptr<TokenModel> model;
  std::vector<AddedToken> added;
  Json normalizer, pre_tokenizer, post_processor, decoder, truncation, padding;
  bool is_bert = false;  // BERT's normaliser, pre-tokenizer and model: the options say it all
};

/// What a vocabulary alone means: the five special tokens are added tokens, and a text becomes
/// [CLS] A [SEP], a pair [CLS] A [SEP] B [SEP] with token type 1 from B on. Errors: an empty or
/// repeated piece, a special token that isn't there.
TokenizerDefinition bert_definition(const std::vector<std::string>& vocab,
                                    const TokenizerOptions& options, const std::string& name);

/// The BertNormalizer that the options mean.
Json bert_normalizer(const TokenizerOptions& options);
/// The "added_tokens" of a tokenizer.json.
Json added_tokens_json(const std::vector<AddedToken>& tokens);
/// A whole tokenizer.json.
Json tokenizer_json(const TokenizerDefinition& definition);

}  // namespace retort
