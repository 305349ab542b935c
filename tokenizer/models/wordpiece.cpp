#include "tokenizer/models/wordpiece.h"

#include "tensor/base/error.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

std::vector<std::pair<std::string_view, std::int32_t>> entries(const Vocabulary& vocabulary) {
  std::vector<std::pair<std::string_view, std::int32_t>> result;
  result.reserve(vocabulary.size());
  for (std::int32_t id = 0; id < vocabulary.limit(); ++id)
    if (!vocabulary.text(id).empty()) result.emplace_back(vocabulary.text(id), id);
  return result;
}

}  // namespace

Json vocabulary_json(const Vocabulary& vocabulary) {
  Json::Object pieces;
  pieces.reserve(vocabulary.size());
  for (std::int32_t id = 0; id < vocabulary.limit(); ++id)
    if (vocabulary.contains(id)) pieces.emplace_back(std::string(vocabulary.text(id)), Json(id));
  return Json(std::move(pieces));
}

WordPiece::WordPiece(Vocabulary vocabulary, std::string unk_token, std::string prefix,
                     std::size_t max_characters, const std::string& name)
    : TokenModel(std::move(vocabulary)),
      unk_token_(std::move(unk_token)),
      prefix_(std::move(prefix)),
      max_characters_(max_characters),
      unk_id_(vocabulary_.find(unk_token_)),
      trie_(entries(vocabulary_)),
      continuation_(trie_.find(prefix_)),
      has_continuations_(prefix_.empty() || continuation_ != ByteTrie::kRoot) {
  check(unk_id_ != Vocabulary::kNone, name, ": the vocabulary lacks the unknown token ",
        json_quote(unk_token_));
}

void WordPiece::tokenize(std::string_view piece, std::vector<Token>& tokens) const {
  const std::size_t before = tokens.size();
  const auto whole = static_cast<std::uint32_t>(piece.size());
  if (piece.size() <= max_characters_ || unicode::count_characters(piece) <= max_characters_) {
    std::uint32_t done = 0;
    ByteTrie::Match match = trie_.longest(piece);
    while (match.value != ByteTrie::kNone) {
      const auto end = done + static_cast<std::uint32_t>(match.length);
      tokens.push_back({match.value, done, end});
      done = end;
      piece.remove_prefix(match.length);
      if (piece.empty()) return;
      if (!has_continuations_) break;
      match = trie_.longest(piece, continuation_);
    }
  }
  tokens.resize(before, Token{});
  tokens.push_back({unk_id_, 0, whole});
}

Json WordPiece::to_json() const {
  Json model;
  model["type"] = "WordPiece";
  model["unk_token"] = unk_token_;
  model["continuing_subword_prefix"] = prefix_;
  model["max_input_chars_per_word"] = max_characters_;
  model["vocab"] = vocabulary_json(vocabulary_);
  return model;
}

std::string WordPiece::difference(const TokenModel& other) const {
  const auto* there = dynamic_cast<const WordPiece*>(&other);
  if (there == nullptr) return "the model is WordPiece here but not there";
  const auto differ = [](const char* what, const Json& a, const Json& b) {
    return std::string(what) + " is " + a.dump() + " here and " + b.dump() + " there";
  };
  if (max_characters_ != there->max_characters_)
    return differ("max_input_chars_per_word", max_characters_, there->max_characters_);
  if (prefix_ != there->prefix_)
    return differ("continuing_subword_prefix", prefix_, there->prefix_);
  if (unk_token_ != there->unk_token_)
    return differ("the unknown token", unk_token_, there->unk_token_);
  return {};
}

}  // namespace retort
