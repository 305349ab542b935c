#include "tensor/memory.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr int kNeighbourBins = 4;

std::size_t bin_size(std::size_t bytes) {
  bytes = std::max<std::size_t>(bytes, 1);
  if (bytes <= 8 * kAlignment) return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::size_t step = std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

}  // namespace

CachingAllocator::~CachingAllocator() { trim(); }

CachingAllocator::Block CachingAllocator::allocate(std::size_t bytes) {
  check(bytes <= std::size_t{1} << 46, "memory: a block of ", bytes, " bytes was asked for");
  const std::size_t size = bin_size(bytes);
  const std::lock_guard lock(mutex_);
  Block block{nullptr, size};
  auto bin = free_.lower_bound(size);
  std::size_t limit = size;
  for (int i = 0; i < kNeighbourBins; ++i) limit = bin_size(limit + 1);
  while (bin != free_.end() && bin->first <= limit && bin->second.empty()) ++bin;
  if (bin != free_.end() && bin->first <= limit) {
    block = {bin->second.back(), bin->first};
    bin->second.pop_back();
  } else {
    block.data = std::aligned_alloc(kAlignment, size);
    if (!block.data) {  // what is cached in other bins may be enough
      trim_locked();
      block.data = std::aligned_alloc(kAlignment, size);
    }
    check(block.data != nullptr, "memory: the system has no ", size, " bytes left; ",
          statistics_.active_bytes, " are in use: try a smaller batch");
    statistics_.reserved_bytes += size;
    ++statistics_.system_allocations;
  }
  statistics_.active_bytes += block.bytes;
  statistics_.peak_active_bytes = std::max(statistics_.peak_active_bytes, statistics_.active_bytes);
  ++statistics_.active_blocks;
  return block;
}

void CachingAllocator::release(Block block) {
  if (!block.data) return;
  const std::lock_guard lock(mutex_);
  free_[block.bytes].push_back(block.data);
  statistics_.active_bytes -= block.bytes;
  --statistics_.active_blocks;
}

void CachingAllocator::trim() {
  const std::lock_guard lock(mutex_);
  trim_locked();
}

void CachingAllocator::trim_locked() {
  for (auto& [size, blocks] : free_) {
    for (void* data : blocks) std::free(data);
    statistics_.reserved_bytes -= size * blocks.size();
    blocks.clear();
  }
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
