#include "tokenizer/wordpiece.h"

namespace retort {
namespace {

std::vector<std::pair<std::string_view, std::int32_t>> entries(
    const std::vector<std::string>& vocab) {
  std::vector<std::pair<std::string_view, std::int32_t>> result;
  result.reserve(vocab.size());
  for (std::size_t i = 0; i < vocab.size(); ++i)
    result.emplace_back(vocab[i], static_cast<std::int32_t>(i));
  return result;
}

}  // namespace

WordPiece::WordPiece(const std::vector<std::string>& vocab, std::string_view prefix,
                     std::int32_t unk_id, std::size_t max_characters)
    : trie_(entries(vocab)),
      continuation_(trie_.find(prefix)),
      has_continuations_(prefix.empty() || continuation_ != ByteTrie::kRoot),
      unk_id_(unk_id),
      max_characters_(max_characters) {}

}  // namespace retort
