#include "tensor/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "tensor/base/error.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RETORT_ADDRESS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define RETORT_ADDRESS_SANITIZER 1
#endif
#ifdef RETORT_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace retort {

/// A part of a segment, in a list by address.
struct CachingAllocator::Piece {
  std::byte* data;
  std::size_t bytes;
  bool free;
  Piece* before;  // neighbours in the segment; null at its ends
  Piece* behind;

  bool whole_segment() const { return !before && !behind; }
};

namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
/// A new segment has at least this size, and at least this part of what is reserved already, so
/// that the system is asked rarely.
constexpr std::size_t kSmallestSegment = std::size_t{64} << 10;
constexpr std::size_t kGrowth = 16;
/// Less than this is never worth giving back.
constexpr std::size_t kAlwaysKept = std::size_t{1} << 20;

std::size_t round_up(std::size_t bytes, std::size_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

// The address sanitizer knows nothing of blocks within a segment unless it is told.
#ifdef RETORT_ADDRESS_SANITIZER
void forbid(void* data, std::size_t bytes) { __asan_poison_memory_region(data, bytes); }
void allow(void* data, std::size_t bytes) { __asan_unpoison_memory_region(data, bytes); }
#else
void forbid(void*, std::size_t) {}
void allow(void*, std::size_t) {}
#endif

std::byte* system_memory(std::size_t bytes) {
  const bool huge = bytes >= 2 * kHugePage;
  void* data = nullptr;  // not aligned_alloc: its sizes must be multiples of the alignment
  if (posix_memalign(&data, huge ? kHugePage : kAlignment, bytes) != 0) return nullptr;
  // Fewer faults and fewer misses of the page table's cache; only a wish.
  if (huge) madvise(data, bytes, MADV_HUGEPAGE);
  return static_cast<std::byte*>(data);
}

}  // namespace

CachingAllocator::~CachingAllocator() { trim(); }

CachingAllocator::Block CachingAllocator::allocate(std::size_t bytes) {
  check(bytes <= std::size_t{1} << 46, "memory: a block of ", bytes, " bytes was asked for");
  const std::size_t size = round_up(std::max<std::size_t>(bytes, 1), kAlignment);
  const std::lock_guard lock(mutex_);
  if (free_.lower_bound({size, nullptr}) == free_.end()) add_segment(size);
  const auto found = free_.lower_bound({size, nullptr});
  Piece* piece = found->second;
  free_.erase(found);
  piece->free = false;
  if (piece->bytes > size) {
    auto* rest = new Piece{piece->data + size, piece->bytes - size, true, piece, piece->behind};
    if (rest->behind) rest->behind->before = rest;
    piece->behind = rest;
    piece->bytes = size;
    insert_free(rest);
  }
  statistics_.active_bytes += size;
  statistics_.peak_active_bytes = std::max(statistics_.peak_active_bytes, statistics_.active_bytes);
  ++statistics_.active_blocks;
  allow(piece->data, bytes);
  return {piece->data, size, piece};
}

void CachingAllocator::release(const Block& block) {
  if (!block.piece) return;
  const std::lock_guard lock(mutex_);
  Piece* piece = block.piece;
  forbid(piece->data, piece->bytes);
  statistics_.active_bytes -= piece->bytes;
  --statistics_.active_blocks;
  // What lies behind joins what lies before it.
  const auto join = [](Piece* left, Piece* right) {
    left->bytes += right->bytes;
    left->behind = right->behind;
    if (left->behind) left->behind->before = left;
    delete right;
  };
  if (Piece* behind = piece->behind; behind && behind->free) {
    free_.erase({behind->bytes, behind->data});
    join(piece, behind);
  }
  if (Piece* before = piece->before; before && before->free) {
    free_.erase({before->bytes, before->data});
    join(before, piece);
    piece = before;
  }
  piece->free = true;
  insert_free(piece);
}

void CachingAllocator::insert_free(Piece* piece) { free_[{piece->bytes, piece->data}] = piece; }

// Free memory that no request fits in any more is given back before there is much of it: what is
// reserved stays below 1.25 × the most that was ever in use, where segments are free as a whole.
void CachingAllocator::add_segment(std::size_t needed) {
  std::size_t size = std::max({needed, kSmallestSegment, statistics_.reserved_bytes / kGrowth});
  if (size >= 2 * kHugePage) size = round_up(size, kHugePage);
  const std::size_t peak =
      std::max(statistics_.peak_active_bytes, statistics_.active_bytes + needed);
  const std::size_t limit = std::max(kAlwaysKept, peak + peak / 4);
  if (statistics_.reserved_bytes + size > limit) {
    size = needed;
    trim_to(limit - std::min(limit, size));
  }
  std::byte* data = system_memory(size);
  if (!data) {  // what is cached may be enough
    trim_to(0);
    size = needed;
    data = system_memory(size);
  }
  check(data != nullptr, "memory: the system has no ", size, " bytes left; ",
        statistics_.active_bytes, " are in use: try a smaller batch");
  forbid(data, size);
  insert_free(new Piece{data, size, true, nullptr, nullptr});
  statistics_.reserved_bytes += size;
  ++statistics_.system_allocations;
}

// Gives back free segments, the largest first, until no more than `reserved` bytes are left.
void CachingAllocator::trim_to(std::size_t reserved) {
  for (auto at = free_.end(); at != free_.begin() && statistics_.reserved_bytes > reserved;) {
    --at;
    Piece* piece = at->second;
    if (!piece->whole_segment()) continue;
    at = free_.erase(at);
    statistics_.reserved_bytes -= piece->bytes;
    allow(piece->data, piece->bytes);
    std::free(piece->data);
    delete piece;
  }
}

void CachingAllocator::trim() {
  const std::lock_guard lock(mutex_);
  trim_to(0);
}

CachingAllocator::Statistics CachingAllocator::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

void CachingAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  statistics_.peak_active_bytes = statistics_.active_bytes;
}

CachingAllocator& cpu_allocator() {
  // Never destroyed: tensors in static variables may outlive any other static.
  static auto* allocator = new CachingAllocator;
  return *allocator;
}

}  // namespace retort
