#include "tokenizer/shared_words.h"

#include "tokenizer/raw_words.h"

namespace retort {

bool SharedWords::find(const WordKey& key, std::vector<Token>& tokens) const {
  std::size_t i = first(key);
  for (std::size_t tried = 0; tried < kTries; ++tried, i = next(i)) {
    const Place& place = places_[i];
    const std::uint8_t state = place.state.load(std::memory_order_acquire);
    if (state == kFree) return false;
    if (state != kReady || !(place.key == key)) continue;
    const std::size_t count = place.count & ~kUncovered, before = tokens.size();
    std::uint32_t begin = 0;
    for (std::size_t t = 0; t < count; ++t) {
      tokens.push_back({place.ids[t], begin, begin + place.lengths[t]});
      begin += place.lengths[t];
    }
    if ((place.count & kUncovered) != 0) RawWords::forget_places(std::span(tokens).subspan(before));
    return true;
  }
  return false;
}

void SharedWords::add(const WordKey& key, std::span<const Token> tokens) {
  if (tokens.size() > kMaxTokens) return;
  std::size_t i = first(key);
  for (std::size_t tried = 0; tried < kTries; ++tried, i = next(i)) {
    Place& place = places_[i];
    std::uint8_t state = kFree;
    // Another thread may be adding the same word elsewhere: then it is there twice.
    if (!place.state.compare_exchange_strong(state, kTaken, std::memory_order_acquire)) {
      if (state == kReady && place.key == key) return;
      continue;
    }
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      place.ids[t] = tokens[t].id;
      place.lengths[t] = static_cast<std::uint8_t>(tokens[t].end - tokens[t].begin);
    }
    const bool covered = cover(tokens, key.size());
    place.count = static_cast<std::uint8_t>(tokens.size() | (covered ? 0 : kUncovered));
    place.key = key;
    place.state.store(kReady, std::memory_order_release);
    return;
  }
}

}  // namespace retort
