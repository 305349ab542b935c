#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tokenizer/readers/readers.h"

namespace retort {
namespace {

constexpr std::int64_t kMaxId = std::numeric_limits<std::int32_t>::max();

}  // namespace

void apply_tokenizer_config(const std::filesystem::path& path, TokenizerOptions& options) {
  const std::string name = path.string();
  const Json config = Json::parse_file(path);
  config.as_object(name);
  const auto what = [&](const char* key) { return name + ", " + key; };
  const auto flag = [&](const char* key, auto& target) {
    const Json* value = config.find(key);
    if (value != nullptr && !value->is_null()) target = value->as_bool(what(key));
  };
  flag("do_lower_case", options.lowercase);
  flag("tokenize_chinese_chars", options.tokenize_chinese_chars);
  if (const Json* value = config.find("strip_accents"); value != nullptr) {
    if (value->is_null()) options.strip_accents.reset();
    else options.strip_accents = value->as_bool(what("strip_accents"));
  }
  for (const auto& [key, target] :
       {std::pair{"unk_token", &options.unk_token}, std::pair{"cls_token", &options.cls_token},
        std::pair{"sep_token", &options.sep_token}, std::pair{"pad_token", &options.pad_token},
        std::pair{"mask_token", &options.mask_token}}) {
    const Json* value = config.find(key);
    if (value != nullptr && value->is_object()) value = value->find("content");
    if (value != nullptr && !value->is_null()) *target = value->as_string(what(key));
  }
  if (const Json* value = config.find("model_max_length"); value != nullptr && !value->is_null()) {
    const double length = value->as_number(what("model_max_length"));
    check(length >= 1, what("model_max_length"), ": is ", length, ", expected at least 1");
    // transformers writes 1e30 for "no limit".
    options.model_max_length = static_cast<int>(std::min(length, static_cast<double>(kMaxId)));
  }
}

void apply_added_tokens_decoder(const std::filesystem::path& path,
                                TokenizerDefinition& definition) {
  const Json config = Json::parse_file(path);
  const Json* decoder = config.find("added_tokens_decoder");
  if (decoder == nullptr || decoder->is_null()) return;
  const std::string where = path.string() + ", added_tokens_decoder";
  std::vector<AddedToken> found;
  for (const auto& [key, value] : decoder->as_object(where)) {
    AddedToken token;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    check(error == std::errc() && end == key.data() + key.size() && token.id >= 0, where, ": ",
          json_quote(key), " is not a token id");
    const Json* content = value.find("content");
    check(content != nullptr, where, ": token ", key, " has no content");
    token.content = content->as_string(where);
    token.special = value.get("special", false);
    token.normalized = value.get("normalized", !token.special);
    token.single_word = value.get("single_word", false);
    token.lstrip = value.get("lstrip", false);
    token.rstrip = value.get("rstrip", false);
    check(!token.content.empty(), where, ": token ", key, " is empty");
    found.push_back(std::move(token));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (AddedToken& token : found) {
    const auto same =
        std::find_if(definition.added.begin(), definition.added.end(),
                     [&](const AddedToken& other) { return other.content == token.content; });
    if (same == definition.added.end()) definition.added.push_back(std::move(token));
    else *same = std::move(token);
  }
}

}  // namespace retort
