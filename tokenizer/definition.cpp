#include "tokenizer/definition.h"

#include <algorithm>
#include <utility>

namespace retort {

Template bert_template(const TemplatePiece& cls, const TemplatePiece& sep, bool pair) {
  using Kind = TemplatePiece::Kind;
  Template pieces{cls, {Kind::kFirst, {}, {}, 0}, sep};
  if (pair) {
    pieces.push_back({Kind::kSecond, {}, {}, 1});
    pieces.push_back(sep);
    pieces.back().type_id = 1;
  }
  return pieces;
}

TokenizerDefinition bert_definition(std::vector<std::string> vocab,
                                    const TokenizerOptions& options) {
  TokenizerDefinition definition;
  definition.options = options;
  const auto id_of = [&](const std::string& token) {
    const auto found = std::find(vocab.begin(), vocab.end(), token);
    return found == vocab.end() ? -1 : static_cast<std::int32_t>(found - vocab.begin());
  };
  for (const std::string* token : {&options.pad_token, &options.unk_token, &options.cls_token,
                                   &options.sep_token, &options.mask_token}) {
    AddedToken added;
    added.content = *token;
    added.id = id_of(*token);
    added.special = true;
    if (added.id >= 0) definition.added.push_back(added);
  }
  const TemplatePiece cls{
      TemplatePiece::Kind::kSpecial, options.cls_token, {id_of(options.cls_token)}, 0};
  const TemplatePiece sep{
      TemplatePiece::Kind::kSpecial, options.sep_token, {id_of(options.sep_token)}, 0};
  definition.single = bert_template(cls, sep, false);
  definition.pair = bert_template(cls, sep, true);
  definition.vocab = std::move(vocab);
  return definition;
}

}  // namespace retort
