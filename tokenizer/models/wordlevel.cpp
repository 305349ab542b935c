#include "tokenizer/models/wordlevel.h"

#include "tensor/base/error.h"

namespace retort {

void WordLevel::tokenize(std::string_view piece, std::vector<Token>& tokens) const {
  std::int32_t id = vocabulary_.find(piece);
  if (id == Vocabulary::kNone) id = vocabulary_.find(unk_token_);
  check(id != Vocabulary::kNone, "the vocabulary has neither ", json_quote(piece),
        " nor the unknown token ", json_quote(unk_token_));
  tokens.push_back({id, 0, static_cast<std::uint32_t>(piece.size())});
}

Json WordLevel::to_json() const {
  Json model;
  model["type"] = "WordLevel";
  model["vocab"] = vocabulary_json(vocabulary_);
  model["unk_token"] = unk_token_;
  return model;
}

std::string WordLevel::difference(const TokenModel& other) const {
  const auto* there = dynamic_cast<const WordLevel*>(&other);
  if (there == nullptr) return "the model is WordLevel here but not there";
  if (unk_token_ != there->unk_token_)
    return "the unknown token is " + json_quote(unk_token_) + " here and " +
           json_quote(there->unk_token_) + " there";
  return {};
}

std::optional<std::int32_t> WordLevel::unk_id() const {
  const std::int32_t id = vocabulary_.find(unk_token_);
  return id == Vocabulary::kNone ? std::nullopt : std::optional(id);
}

}  // namespace retort
