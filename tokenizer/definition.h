// What a tokenizer is made of, as data: the readers produce it, the Tokenizer compiles it, save()
// writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace retort {

/// The knobs of a BERT tokenizer; the names in tokenizer_config.json are in comments where they
/// differ.
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

/// A token that is found in the text itself, before (or, when `normalized`, after) normalisation.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool special = false;
  bool normalized = false;   // match in the normalised text, the content being normalised too
  bool single_word = false;  // only where no word character is next to it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and after it

  bool operator==(const AddedToken&) const = default;
};

/// One item of a post-processor's template: a sequence (A or B) or fixed ids.
struct TemplatePiece {
  enum class Kind { kFirst, kSecond, kSpecial } kind = Kind::kSpecial;
  std::string name;               // of a special piece
  std::vector<std::int32_t> ids;  // of a special piece
  std::int32_t type_id = 0;

  bool operator==(const TemplatePiece&) const = default;
};

using Template = std::vector<TemplatePiece>;

struct TokenizerDefinition {
  TokenizerOptions options;
  std::vector<std::string> vocab;  // the model's pieces by id
  std::vector<AddedToken> added;
  Template single, pair;
};

/// What a vocabulary alone means: the five special tokens are added tokens, and a text becomes
/// [CLS] A [SEP], a pair [CLS] A [SEP] B [SEP] with token type 1 from B on. (A special token that
/// the vocabulary lacks is left to the Tokenizer's constructor to report.)
TokenizerDefinition bert_definition(std::vector<std::string> vocab,
                                    const TokenizerOptions& options);

/// The two templates of BERT.
Template bert_template(const TemplatePiece& cls, const TemplatePiece& sep, bool pair);

}  // namespace retort
