#include "tokenizer/vocabulary.h"

#include <algorithm>

#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {

Vocabulary::Vocabulary(const std::vector<Entry>& entries, const std::string& name)
    : size_(entries.size()) {
  const std::size_t limit = std::max(kMinimum, kSparseness * entries.size());
  std::size_t count = 0, bytes = 0;
  for (const Entry& entry : entries) {
    // (The arguments of check() are evaluated whether it holds or not.)
    if (entry.id < 0 || static_cast<std::size_t>(entry.id) >= limit)
      fail(name, ": the token ", json_quote(entry.text), " has id ", entry.id, ", but ",
           entries.size(), " tokens must have ids from 0 to ", limit - 1);
    count = std::max(count, static_cast<std::size_t>(entry.id) + 1);
    bytes += entry.text.size();
  }
  check(bytes < UINT32_MAX, name, ": the vocabulary's ", bytes, " bytes are too many");
  std::vector<const Entry*> by_id(count, nullptr);
  for (const Entry& entry : entries) {
    const Entry*& place = by_id[static_cast<std::size_t>(entry.id)];
    if (place != nullptr)
      fail(name, ": the tokens ", json_quote(place->text), " and ", json_quote(entry.text),
           " both have id ", entry.id);
    place = &entry;
  }
  pool_.reserve(bytes);
  offsets_.reserve(count + 1);
  std::size_t slots = 16;
  while (slots < entries.size() + entries.size() / 2) slots *= 2;
  slots_.resize(slots);
  for (std::size_t id = 0; id < count; ++id) {
    offsets_.push_back(static_cast<std::uint32_t>(pool_.size()));
    if (by_id[id] != nullptr) pool_ += by_id[id]->text;
  }
  offsets_.push_back(static_cast<std::uint32_t>(pool_.size()));
  for (std::size_t id = 0; id < count; ++id) {
    if (by_id[id] == nullptr) continue;
    const std::string_view piece = by_id[id]->text;
    const std::uint64_t hash = hash_bytes(piece);
    std::size_t i = hash & (slots - 1);
    for (; slots_[i].id != kNone; i = (i + 1) & (slots - 1))
      if (slots_[i].hash == hash >> 32 && text(slots_[i].id) == piece)
        fail(name, ": the token ", json_quote(piece), " has two ids, ", slots_[i].id, " and ", id);
    slots_[i] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::int32_t>(id)};
    longest_ = std::max(longest_, piece.size());
  }
}

}  // namespace retort
