// The caching allocator: sizes, reuse, and what it gives back.
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "tensor/base/error.h"
#include "tensor/base/philox.h"
#include "tensor/memory.h"
#include "tests/catch.h"

namespace retort {

TEST_CASE("allocator: rounds, reuses and gives back", "[allocator]") {
  CachingAllocator allocator;
  for (std::size_t bytes = 0; bytes < 50'000'000; bytes = bytes * 9 / 7 + 1) {
    const auto block = allocator.allocate(bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(block.data) % 64 == 0);
    CHECK(block.bytes >= bytes);
    CHECK(block.bytes < bytes + 128);
    CHECK(block.bytes % 64 == 0);
    if (bytes > 0) std::memset(block.data, 1, bytes);
    allocator.release(block);
  }
  allocator.trim();
  CHECK(allocator.statistics().reserved_bytes == 0);
  CHECK(allocator.statistics().active_bytes == 0);
  allocator.reset_peak();
  CHECK(allocator.statistics().peak_active_bytes == 0);

  const auto first = allocator.allocate(1000);
  CHECK(allocator.statistics().active_bytes == 1024);
  CHECK(allocator.statistics().active_blocks == 1);
  allocator.release(first);
  const auto asked = allocator.statistics().system_allocations;
  // What is there serves requests of any size that fit into it, several at a time.
  const auto small = allocator.allocate(64), middle = allocator.allocate(640),
             third = allocator.allocate(300);
  CHECK(small.data == first.data);
  CHECK(middle.data == static_cast<std::byte*>(first.data) + 64);
  CHECK(allocator.statistics().active_bytes == 64 + 640 + 320);
  // Freed in any order, neighbours become one piece again.
  allocator.release(third);
  allocator.release(small);
  allocator.release(middle);
  const auto again = allocator.allocate(1024);
  CHECK(again.data == first.data);
  allocator.release(again);
  CHECK(allocator.statistics().system_allocations == asked);
  CHECK(allocator.statistics().active_bytes == 0);
  CHECK(allocator.statistics().peak_active_bytes == 1024);

  // A segment of which a part is in use can't be given back.
  const auto kept = allocator.allocate(100);
  allocator.trim();
  CHECK(allocator.statistics().reserved_bytes >= 1024);
  allocator.release(kept);
  allocator.trim();
  CHECK(allocator.statistics().reserved_bytes == 0);
  CHECK_THROWS_AS(allocator.allocate(std::numeric_limits<std::size_t>::max()), Error);
  CHECK(allocator.statistics().active_blocks == 0);
}

TEST_CASE("allocator: hands out no byte twice and keeps little", "[allocator]") {
  CachingAllocator allocator;
  RandomStream random(11);
  struct Held {
    CachingAllocator::Block block;
    std::size_t bytes;
    unsigned char mark;
  };
  std::vector<Held> held;
  bool intact = true;
  const auto drop = [&](std::size_t i) {
    const auto* data = static_cast<const unsigned char*>(held[i].block.data);
    for (const std::size_t at : {std::size_t{0}, held[i].bytes / 2, held[i].bytes - 1})
      intact = intact && data[at] == held[i].mark;
    allocator.release(held[i].block);
    held[i] = held.back();
    held.pop_back();
  };
  for (int round = 0; round < 20'000; ++round) {
    if (held.size() > 40 || (!held.empty() && random.below(2) == 0)) {
      drop(random.below(held.size()));
    } else {
      // Sizes from bytes to megabytes.
      const std::size_t bytes = 1 + random.below(std::uint64_t{1} << (4 + random.below(18)));
      const auto mark = static_cast<unsigned char>(random.below(256));
      held.push_back({allocator.allocate(bytes), bytes, mark});
      std::memset(held.back().block.data, mark, bytes);
    }
  }
  while (!held.empty()) drop(held.size() - 1);
  CHECK(intact);
  const auto end = allocator.statistics();
  CHECK(end.active_bytes == 0);
  CHECK(end.active_blocks == 0);
  CHECK(end.reserved_bytes < 2 * end.peak_active_bytes);
  allocator.trim();
  CHECK(allocator.statistics().reserved_bytes == 0);
}

}  // namespace retort
