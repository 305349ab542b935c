// From ids to text, at once and one by one.
#include <algorithm>

#include "tensor/base/error.h"
#include "tokenizer/tokenizer.h"

namespace retort {

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= vocab_size_) continue;
    const auto added =
        std::lower_bound(added_by_id_.begin(), added_by_id_.end(), std::pair{id, std::size_t{0}});
    if (added == added_by_id_.end() || added->first != id) {
      if (definition_.model->vocabulary().contains(id)) tokens.push_back(token(id));
      continue;
    }
    const AddedToken& token = definition_.added[added->second];
    std::string content = token.content;
    if (token.normalized && normalizer_ != nullptr) {
      AlignedText text(token.content, 0, false);
      normalizer_->apply(text);
      content = text.bytes();
    }
    // As in the reference, a special token that normalisation changes isn't known as one any more.
    if (skip_special_tokens && token.special && content == token.content) continue;
    tokens.push_back(std::move(content));
  }
  std::string result;
  if (decoder_ == nullptr) {
    for (const std::string& token : tokens) result += (result.empty() ? "" : " ") + token;
    return result;
  }
  if (tokens.empty()) return result;
  for (const std::string& part : decoder_->apply(std::move(tokens))) result += part;
  return result;
}

std::optional<std::string> DecodeStream::next(std::int32_t id) {
  constexpr std::string_view kReplacementCharacter = "\uFFFD";
  if (prefix_.empty() && !ids_.empty()) {
    std::string text = tokenizer_.decode(ids_, skip_special_tokens_);
    if (!text.ends_with(kReplacementCharacter)) {
      prefix_ = std::move(text);
      prefix_ids_ = ids_.size();
    }
  }
  ids_.push_back(id);
  const std::string text = tokenizer_.decode(ids_, skip_special_tokens_);
  if (text.size() <= prefix_.size() || text.ends_with(kReplacementCharacter)) return {};
  check(text.starts_with(prefix_), "token id ", id, " changes text that was given out before");
  std::string added = text.substr(prefix_.size());
  const std::size_t kept = ids_.size() - prefix_ids_;
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(prefix_ids_));
  prefix_ = tokenizer_.decode(ids_, skip_special_tokens_);
  prefix_ids_ = kept;
  return added;
}

}  // namespace retort
