#include "tokenizer/models/unigram.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "tensor/base/error.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

constexpr double kUnkPenalty = 10;  // below the least score
constexpr std::uint32_t kUnreached = static_cast<std::uint32_t>(-1);

// The best way to a place in the text.
struct Node {
  double score = 0;
  std::int32_t id = 0;
  std::uint32_t begin = kUnreached;  // of the last piece
};

std::vector<std::pair<std::string_view, std::int32_t>> entries(const Vocabulary& vocabulary) {
  std::vector<std::pair<std::string_view, std::int32_t>> result;
  result.reserve(vocabulary.size());
  for (std::int32_t id = 0; id < vocabulary.limit(); ++id)
    if (!vocabulary.text(id).empty()) result.emplace_back(vocabulary.text(id), id);
  return result;
}

}  // namespace

Unigram::Unigram(Vocabulary vocabulary, std::vector<double> scores,
                 std::optional<std::int32_t> unk_id, bool byte_fallback, const std::string& name)
    : TokenModel(std::move(vocabulary)),
      scores_(std::move(scores)),
      unk_id_(unk_id),
      byte_fallback_(byte_fallback),
      unk_score_(std::numeric_limits<double>::infinity()),
      trie_(entries(vocabulary_)) {
  check(scores_.size() == vocabulary_.size() &&
            static_cast<std::size_t>(vocabulary_.limit()) == scores_.size(),
        name, ": ", vocabulary_.size(), " pieces have ", scores_.size(), " scores");
  check(!unk_id || (*unk_id >= 0 && *unk_id < vocabulary_.limit()), name, ": the unk_id ",
        unk_id.value_or(0), " is not below the number of pieces, ", vocabulary_.size());
  for (const double score : scores_) unk_score_ = std::min(unk_score_, score);
  unk_score_ -= kUnkPenalty;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
    byte_ids_[byte] = vocabulary_.find(text);
    byte_fallback_ = byte_fallback_ && byte_ids_[byte] != Vocabulary::kNone;
  }
}

// Viterbi. The reference adds in double precision and keeps the first of equals, which is the one
// whose last piece begins first; both decide ties.
void Unigram::tokenize(std::string_view piece, std::vector<Token>& tokens) const {
  thread_local std::vector<Node> best;
  best.assign(piece.size() + 1, Node{});
  for (std::uint32_t at = 0; at < piece.size();) {
    const char* behind = piece.data() + at;
    unicode::decode(behind);
    const auto length = static_cast<std::size_t>(behind - piece.data()) - at;
    const double score_here = best[at].score;
    bool has_character = false;
    const auto reach = [&](std::size_t end, double score, std::int32_t id) {
      Node& node = best[end];
      if (node.begin != kUnreached && score <= node.score) return;
      node = {score, id, at};
    };
    trie_.each_prefix(piece.substr(at), [&](std::int32_t id, std::size_t bytes) {
      reach(at + bytes, scores_[static_cast<std::size_t>(id)] + score_here, id);
      has_character = has_character || bytes == length;
    });
    if (!has_character) {
      check(unk_id_.has_value(),
            "the text has a character that the vocabulary lacks, and there is no unk_id");
      reach(at + length, unk_score_ + score_here, *unk_id_);
    }
    at += static_cast<std::uint32_t>(length);
  }
  // From the end; unknown neighbours fuse.
  thread_local std::vector<Token> parts;
  parts.clear();
  const auto is_unknown = [&](const Token& part) { return unk_id_ && part.id == *unk_id_; };
  for (auto end = static_cast<std::uint32_t>(piece.size()); end > 0;) {
    const Token part{best[end].id, best[end].begin, end};
    if (is_unknown(part) && !parts.empty() && is_unknown(parts.back()))
      parts.back().begin = part.begin;
    else parts.push_back(part);
    end = part.begin;
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (is_unknown(*part)) add_unknown(*part, piece, tokens);
    else tokens.push_back(*part);
  }
  // One long piece must not leave its memory with the thread for good.
  constexpr std::size_t kKept = 1 << 16;
  if (best.capacity() > kKept) std::vector<Node>().swap(best);
}

// Put together, unknown parts may be in the vocabulary after all.
void Unigram::add_unknown(const Token& part, std::string_view piece,
                          std::vector<Token>& tokens) const {
  const std::string_view text = piece.substr(part.begin, part.end - part.begin);
  if (const std::int32_t id = vocabulary_.find(text); id != Vocabulary::kNone)
    return tokens.push_back({id, part.begin, part.end});
  if (!byte_fallback_) return tokens.push_back(part);
  for (const char c : text)
    tokens.push_back({byte_ids_[static_cast<unsigned char>(c)], part.begin, part.end});
}

Json Unigram::to_json() const {
  Json model;
  model["type"] = "Unigram";
  model["unk_id"] = unk_id_ ? Json(*unk_id_) : Json();
  Json::Array pieces;
  for (std::int32_t id = 0; id < vocabulary_.limit(); ++id) {
    Json pair{Json::Array{}};
    pair.push_back(vocabulary_.text(id));
    pair.push_back(scores_[static_cast<std::size_t>(id)]);
    pieces.push_back(std::move(pair));
  }
  model["vocab"] = Json(std::move(pieces));
  model["byte_fallback"] = byte_fallback_;
  return model;
}

std::string Unigram::difference(const TokenModel& other) const {
  const auto* there = dynamic_cast<const Unigram*>(&other);
  if (there == nullptr) return "the model is Unigram here but not there";
  if (scores_ != there->scores_) return "the scores of the pieces are others here than there";
  if (unk_id_ != there->unk_id_ || byte_fallback_ != there->byte_fallback_)
    return "unknown text is treated otherwise here than there";
  return {};
}

}  // namespace retort
