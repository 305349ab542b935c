#include "tensor/base/parallel.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <string>

#include "tensor/base/error.h"

namespace retort {
namespace {

std::atomic<int> g_threads{0};  // 0: not set yet

int affinity_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

// Containers limit CPU time, not the mask. cgroup v2: "max 100000" or "150000 100000" in cpu.max;
// v1: two files. The limit may be set on any ancestor, but inside a container the mount's root is it.
int quota_threads() {
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period) {
    if (quota == "max" || period <= 0) return 1 << 20;
    return std::max(1, static_cast<int>(std::stod(quota) / period));
  }
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double microseconds = 0;
  if (v1_quota >> microseconds && v1_period >> period && microseconds > 0 && period > 0)
    return std::max(1, static_cast<int>(microseconds / period));
  return 1 << 20;
}

}  // namespace

int available_threads() { return std::min(affinity_threads(), quota_threads()); }

int thread_count() {
  int n = g_threads.load(std::memory_order_relaxed);
  if (n == 0) {
    n = available_threads();
    g_threads.store(n, std::memory_order_relaxed);
  }
  return n;
}

void set_thread_count(int n) {
  check(n >= 1 && n <= 1024, "threads: expected a number from 1 to 1024, found ", n);
  g_threads.store(n, std::memory_order_relaxed);
}

namespace detail {

void run_chunks(std::int64_t chunks, void* context, ChunkBody body) {
  const auto threads = static_cast<int>(std::min<std::int64_t>(thread_count(), chunks));
  if (threads <= 1 || omp_in_parallel()) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) body(context, chunk, 0);
    return;
  }
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> stopped{false};
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    const int worker = omp_get_thread_num();
    try {
      for (;;) {
        const std::int64_t chunk = next.fetch_add(1, std::memory_order_relaxed);
        if (chunk >= chunks || stopped.load(std::memory_order_relaxed)) break;
        body(context, chunk, worker);
      }
    } catch (...) {
      if (!stopped.exchange(true)) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace detail
}  // namespace retort
