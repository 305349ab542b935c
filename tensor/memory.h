// The caching allocator: freed blocks are kept and handed out again, because a training step asks for
// the same sizes over and over and fresh pages cost a fault each.
//
// Sizes are rounded up to bins, eight to a doubling (at most 12.5 % waste). A request takes a block of
// its bin, or of one of the next four bins, before it asks the system. Blocks are 64-byte aligned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

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
  struct Block {
    void* data = nullptr;
    std::size_t bytes = 0;  ///< the bin's size; pass the block back unchanged
  };

  ~CachingAllocator();
  /// At least `bytes` bytes; an error when the system has no more memory.
  Block allocate(std::size_t bytes);
  void release(Block block);
  /// Gives every cached block back to the system.
  void trim();
  Statistics statistics() const;
  void reset_peak();

 private:
  void trim_locked();
  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;  // by bin size
  Statistics statistics_;
};

/// The one for the CPU's memory.
CachingAllocator& cpu_allocator();

}  // namespace retort
