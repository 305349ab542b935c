// The caching allocator: memory that was freed is kept and handed out again, because a training
// step asks for the same sizes over and over, and fresh pages cost a fault each.
//
// It takes segments from the system and cuts blocks from them: a request takes the smallest free
// piece that is large enough, cuts off what it needs, and a freed block joins its free neighbours.
// So sizes that change from step to step (ragged batches) share the same memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace retort {

class CachingAllocator {
 public:
  struct Statistics {
    std::size_t active_bytes = 0;       ///< handed out now
    std::size_t peak_active_bytes = 0;  ///< most ever handed out (see reset_peak)
    std::size_t reserved_bytes = 0;     ///< taken from the system and not given back
    std::int64_t active_blocks = 0;
    std::int64_t system_allocations = 0;  ///< how often the system was asked
  };
  struct Piece;
  struct Block {
    void* data = nullptr;   ///< 64-byte aligned
    std::size_t bytes = 0;  ///< what was asked for, rounded up
    Piece* piece = nullptr;
  };

  ~CachingAllocator();
  /// At least `bytes` bytes; an error when the system has no more memory.
  Block allocate(std::size_t bytes);
  void release(const Block& block);
  /// Gives every segment that is free from end to end back to the system.
  void trim();
  Statistics statistics() const;
  void reset_peak();

 private:
  using Free = std::map<std::pair<std::size_t, std::byte*>, Piece*>;  // by size, then address
  void add_segment(std::size_t needed);
  void trim_to(std::size_t reserved);
  void insert_free(Piece* piece);
  mutable std::mutex mutex_;
  Free free_;
  Statistics statistics_;
};

/// The one for the CPU's memory.
CachingAllocator& cpu_allocator();

}  // namespace retort
