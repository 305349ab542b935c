#include "tokenizer/word_cache.h"

namespace retort {

WordCache::WordCache() : entries_(kWays << kSetBits) {}

WordCache::Found WordCache::insert(Entry* set, const Key& key, std::size_t size) {
  std::uint32_t at = 0;
  for (const Token& token : missed_) {
    if (token.begin != at || token.end < at) return {nullptr, nullptr, 0};
    at = token.end;
  }
  if (at != size || missed_.size() > size) return {nullptr, nullptr, 0};
  Entry* place = set;
  if (set[0].key.size != 0) place = set[1].key.size == 0 ? &set[1] : &set[++turn_ % kWays];
  if (place->count > kInline) free_.push_back(place->ids[0]);
  place->key = key;
  place->count = static_cast<std::uint8_t>(missed_.size());
  std::int32_t* ids = place->ids;
  std::uint8_t* lengths = place->lengths;
  if (missed_.size() > kInline) {
    std::int32_t number = static_cast<std::int32_t>(more_.size());
    if (free_.empty()) {
      more_.emplace_back();
    } else {
      number = free_.back();
      free_.pop_back();
    }
    place->ids[0] = number;
    More& more = more_[static_cast<std::size_t>(number)];
    more.ids.resize(missed_.size());
    more.lengths.resize(missed_.size());
    ids = more.ids.data();
    lengths = more.lengths.data();
  }
  for (std::size_t i = 0; i < missed_.size(); ++i) {
    ids[i] = missed_[i].id;
    lengths[i] = static_cast<std::uint8_t>(missed_[i].end - missed_[i].begin);
  }
  return found(*place);
}

std::unique_ptr<WordCache> CachePool::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<WordCache>();
  std::unique_ptr<WordCache> cache = std::move(idle_.back());
  idle_.pop_back();
  return cache;
}

void CachePool::give(std::unique_ptr<WordCache> cache) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(cache));
}

}  // namespace retort
