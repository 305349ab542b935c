#include "tokenizer/word_cache.h"

namespace retort {

WordCache::Found WordCache::insert(const WordKey& key) {
  if (missed_.size() > kMaxTokens) return {nullptr, nullptr, missed_.size()};
  if (used_ > sets_.size() && bits_ < kMostBits) grow();
  const bool covered = cover(missed_, key.size());
  Set& set = sets_[place(key.hash())];
  Entry& entry = set.ways[set.ways[0].key == WordKey{}   ? 0
                          : set.ways[1].key == WordKey{} ? 1
                                                         : ++turn_ % 2];
  if (entry.key == WordKey{}) ++used_;
  else if (has_more(entry)) free_.push_back(entry.ids[0]);
  entry.key = key;
  entry.count = static_cast<std::uint8_t>(missed_.size() | (covered ? 0 : kUncovered));
  std::int32_t* ids = entry.ids;
  std::uint8_t* lengths = entry.lengths;
  if (missed_.size() > kInline) {
    auto number = static_cast<std::int32_t>(more_.size());
    if (free_.empty()) {
      more_.emplace_back();
    } else {
      number = free_.back();
      free_.pop_back();
    }
    entry.ids[0] = number;
    More& more = more_[static_cast<std::size_t>(number)];
    ids = more.ids;
    lengths = more.lengths;
  }
  for (std::size_t i = 0; i < missed_.size(); ++i) {
    ids[i] = missed_[i].id;
    lengths[i] = static_cast<std::uint8_t>(missed_[i].end - missed_[i].begin);
  }
  return found(entry);
}

// The two words of a set go to one or two sets of the larger table, where nothing else is. It is
// four times as large, so that few words are moved more than once.
void WordCache::grow() {
  LargeVector<Set> old(sets_.size() << kGrowth);
  old.swap(sets_);
  bits_ += kGrowth;
  for (const Set& from : old)
    for (const Entry& entry : from.ways) {
      if (entry.key == WordKey{}) continue;
      Set& to = sets_[place(entry.key.hash())];
      to.ways[to.ways[0].key == WordKey{} ? 0 : 1] = entry;
    }
}

}  // namespace retort
