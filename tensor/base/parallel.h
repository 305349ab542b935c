// Parallel loops. The only place that knows OpenMP is parallel.cpp.
//
// Work is split into chunks whose number never depends on the number of threads; a kernel that
// keeps one partial result per chunk and adds them in order gives the same bits for any thread count.
#pragma once

#include <cstdint>
#include <type_traits>

namespace retort {

/// Threads that the next loop will use (at least 1).
int thread_count();

/// Sets thread_count(); n < 1 is an error. More threads than cores is allowed.
void set_thread_count(int n);

/// What a process may use: the affinity mask or the cgroup CPU quota, whichever is less.
int available_threads();

namespace detail {
using ChunkBody = void (*)(void* context, std::int64_t chunk, int worker);
void run_chunks(std::int64_t chunks, void* context, ChunkBody body);
}  // namespace detail

/// Calls f(chunk, worker) for every chunk in [0, chunks), on up to thread_count() threads in no
/// particular order; worker < thread_count() tells workspaces apart. Nested calls run serially.
/// The first exception thrown by f is rethrown once all workers have stopped.
template <class F>
void parallel_chunks(std::int64_t chunks, F&& f) {
  detail::run_chunks(
      chunks, const_cast<void*>(static_cast<const void*>(&f)),
      [](void* context, std::int64_t chunk, int worker) {
        (*static_cast<std::remove_reference_t<F>*>(context))(chunk, worker);
      });
}

/// Splits [0, n) into pieces of `grain` and calls f(begin, end, worker) for each.
template <class F>
void parallel_ranges(std::int64_t n, std::int64_t grain, F&& f) {
  parallel_chunks((n + grain - 1) / grain, [&](std::int64_t chunk, int worker) {
    const std::int64_t begin = chunk * grain;
    const std::int64_t end = begin + grain < n ? begin + grain : n;
    f(begin, end, worker);
  });
}

}  // namespace retort
