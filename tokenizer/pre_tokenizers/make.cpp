// From the "pre_tokenizer" of a tokenizer.json to its class.
#include "tokenizer/component.h"
#include "tokenizer/pre_tokenizers/patterns.h"
#include "tokenizer/pre_tokenizers/words.h"

namespace retort {

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json, const std::string& where) {
  const std::string type = component_type(json, where);
  if (type == "BertPreTokenizer") return std::make_unique<BertPreTokenizer>();
  if (type == "ByteLevel")
    return std::make_unique<ByteLevel>(json.get("add_prefix_space", true),
                                       json.get("use_regex", true));
  if (type == "CharDelimiterSplit")
    return std::make_unique<CharDelimiterSplit>(CharDelimiterSplit::from_json(json, where));
  if (type == "Metaspace") return std::make_unique<Metaspace>(Metaspace::from_json(json, where));
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "Split") return std::make_unique<Split>(Split::from_json(json, where));
  if (type == "Punctuation")
    return std::make_unique<Punctuation>(parse_behavior(json.get("behavior", "Isolated"), where));
  if (type == "WhitespaceSplit") return std::make_unique<WhitespaceSplit>();
  if (type == "Digits") return std::make_unique<Digits>(json.get("individual_digits", false));
  if (type == "UnicodeScripts") return std::make_unique<UnicodeScripts>();
  if (type == "FixedLength")
    return std::make_unique<FixedLength>(FixedLength::from_json(json, where));
  if (type == "Sequence")
    return std::make_unique<PreTokenizerSequence>(
        component_list<PreTokenizer>(json, "pretokenizers", where, make_pre_tokenizer));
  fail(where, ": the pre_tokenizer ", json_quote(type), " is not known");
}

}  // namespace retort
