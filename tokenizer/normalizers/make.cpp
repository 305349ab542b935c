// From the "normalizer" of a tokenizer.json to its class.
#include "tokenizer/component.h"
#include "tokenizer/normalizers/bert.h"
#include "tokenizer/normalizers/edits.h"
#include "tokenizer/normalizers/forms.h"
#include "tokenizer/normalizers/precompiled.h"

namespace retort {

std::unique_ptr<Normalizer> make_normalizer(const Json& json, const std::string& where) {
  const std::string type = component_type(json, where);
  using unicode::Form;
  if (type == "BertNormalizer")
    return std::make_unique<BertNormalizer>(BertNormalizer::from_json(json));
  if (type == "Strip")
    return std::make_unique<StripSpace>(json.get("strip_left", true),
                                        json.get("strip_right", true));
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "NFC") return std::make_unique<UnicodeForm>(Form::kNfc);
  if (type == "NFD") return std::make_unique<UnicodeForm>(Form::kNfd);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(Form::kNfkc);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(Form::kNfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "Nmt") return std::make_unique<Nmt>();
  if (type == "Precompiled")
    return std::make_unique<Precompiled>(Precompiled::from_json(json, where));
  if (type == "Replace") return std::make_unique<Replace>(Replace::from_json(json, where));
  if (type == "Prepend") return std::make_unique<Prepend>(json.get("prepend", ""));
  if (type == "ByteLevel") return std::make_unique<ByteLevelNormalizer>();
  if (type == "Sequence")
    return std::make_unique<NormalizerSequence>(
        component_list<Normalizer>(json, "normalizers", where, make_normalizer));
  fail(where, ": the normalizer ", json_quote(type), " is not known");
}

}  // namespace retort
