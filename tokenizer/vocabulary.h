// The pieces of a model: id to text and text to id, in three flat arrays.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

/// A fast hash of bytes, for tables in memory only.
inline std::uint64_t hash_bytes(std::string_view text) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15u;
  std::uint64_t hash = text.size() * kFactor;
  std::size_t i = 0;
  const auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 32;
  };
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    mix(word);
  }
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + i, text.size() - i);
  mix(word);
  return hash;
}

class Vocabulary {
 public:
  static constexpr std::int32_t kNone = -1;
  /// Ids must be below this multiple of the number of pieces (and kMinimum), so that memory is
  /// bounded by what was read.
  static constexpr std::size_t kSparseness = 4, kMinimum = 1 << 16;

  struct Entry {
    std::string_view text;
    std::int64_t id;
  };

  Vocabulary() = default;
  /// `name` starts every error message. Errors: an id out of range or given twice, a text given
  /// twice; ids may have gaps.
  Vocabulary(const std::vector<Entry>& entries, const std::string& name);

  /// The id of exactly this piece, or kNone.
  std::int32_t find(std::string_view text) const { return find(text, hash_bytes(text)); }
  /// The same with hash_bytes(text), for who looks for many pieces: while others are looked for,
  /// what find() will look at is fetched from memory in these two steps.
  void prefetch(std::uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
  }
  void prefetch_text(std::uint64_t hash) const {
    if (slots_.empty()) return;
    const std::int32_t id = slots_[hash & (slots_.size() - 1)].id;
    if (id != kNone) __builtin_prefetch(text(id).data());
  }
  std::int32_t find(std::string_view text, std::uint64_t hash) const {
    if (slots_.empty()) return kNone;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask; slots_[i].id != kNone; i = (i + 1) & mask)
      if (slots_[i].hash == hash >> 32 && this->text(slots_[i].id) == text) return slots_[i].id;
    return kNone;
  }
  /// The piece with this id, 0 <= id < limit(). Empty for a gap (no piece is empty but one that
  /// says so).
  std::string_view text(std::int32_t id) const {
    const auto i = static_cast<std::size_t>(id);
    return std::string_view(pool_).substr(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }
  bool contains(std::int32_t id) const { return id >= 0 && id < limit() && find(text(id)) == id; }

  /// The number of pieces, and 1 + the largest id.
  std::size_t size() const { return size_; }
  std::int32_t limit() const {
    return offsets_.empty() ? 0 : static_cast<std::int32_t>(offsets_.size() - 1);
  }
  std::size_t longest() const { return longest_; }  // in bytes
  bool operator==(const Vocabulary& other) const {
    return pool_ == other.pool_ && offsets_ == other.offsets_;
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;  // the upper half: a look at another piece's text is rare
    std::int32_t id = kNone;
  };

  std::string pool_;
  std::vector<std::uint32_t> offsets_;  // by id, and the end
  std::vector<Slot> slots_;             // a power of two of them
  std::size_t size_ = 0, longest_ = 0;
};

}  // namespace retort
