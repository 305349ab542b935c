// What the tests of kernels with a workspace share.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/engine/kernel_testing.h"

namespace retort::testing {

/// Runs f for every table that has kernels of its own for T (f64: only the generic one has).
template <class T, class F>
void for_every_isa(F&& f) {
  const Restore restore;
  for (const std::string& isa :
       kHalf<T> == 1 ? std::vector<std::string>{"generic"} : distinct_isas()) {
    use_isa(isa);
    INFO("instruction set " << isa << ", f" << sizeof(T) * 8);
    f();
  }
}

/// Calls a kernel with a workspace that is full of NaN and guarded at its end.
template <class Args>
void run_in_workspace(Kernel<Args> kernel, WorkspaceQuery<Args> query, const Args& args) {
  constexpr unsigned char kGuard = 0xA5;
  const std::int64_t bytes = query(args, thread_count());
  REQUIRE(bytes >= 0);
  const auto size = static_cast<std::size_t>(bytes);
  const std::unique_ptr<unsigned char, void (*)(void*)> memory(
      static_cast<unsigned char*>(std::aligned_alloc(64, (size + 128) / 64 * 64)), std::free);
  std::memset(memory.get(), 0xFF, size);
  std::memset(memory.get() + size, kGuard, 64);
  Launch launch;
  launch.workspace = memory.get();
  kernel(launch, args);
  bool intact = true;
  for (std::size_t i = 0; i < 64; ++i) intact = intact && memory.get()[size + i] == kGuard;
  REQUIRE(intact);
}

}  // namespace retort::testing
