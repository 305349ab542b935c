// WordPiece: a word becomes the longest vocabulary piece that starts it, then the longest
// continuation, and so on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/byte_trie.h"

namespace retort {

class WordPiece {
 public:
  /// `vocab`: pieces by id. `prefix` starts every piece that continues a word.
  WordPiece(const std::vector<std::string>& vocab, std::string_view prefix, std::int32_t unk_id,
            std::size_t max_characters);

  /// Appends the ids of one word, or the unknown id alone: for a word of more than max_characters,
  /// and for one of which any part is not in the vocabulary.
  void append_ids(std::string_view word, std::size_t characters,
                  std::vector<std::int32_t>& ids) const {
    const std::size_t before = ids.size();
    if (characters <= max_characters_) {
      ByteTrie::Match match = trie_.longest(word);
      while (match.value != ByteTrie::kNone) {
        ids.push_back(match.value);
        word.remove_prefix(match.length);
        if (word.empty()) return;
        if (!has_continuations_) break;
        match = trie_.longest(word, continuation_);
      }
    }
    ids.resize(before);
    ids.push_back(unk_id_);
  }

  /// The id of exactly this piece, or ByteTrie::kNone.
  std::int32_t id(std::string_view piece) const { return trie_.value(piece); }

 private:
  ByteTrie trie_;
  std::uint32_t continuation_;  // the node behind the prefix
  bool has_continuations_;
  std::int32_t unk_id_;
  std::size_t max_characters_;
};

}  // namespace retort
