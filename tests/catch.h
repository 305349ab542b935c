// Catch2 2.13 (Debian 12) and 3 behind one include.
#pragma once

#include <iostream>

#ifdef RETORT_CATCH3
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

namespace retort::testing {
/// Whether tests repeat less: under sanitizers and on emulated machines, where a second becomes a
/// minute. Fewer samples are drawn, and some types are spared the largest shapes.
#ifdef RETORT_QUICK_TESTS
inline constexpr bool kQuick = true;
#else
inline constexpr bool kQuick = false;
#endif
}  // namespace retort::testing

/// Ends the test case and says so: 2.13 has no SKIP, so ctest looks for this line.
#define RETORT_SKIP(reason)                            \
  do {                                                 \
    std::cout << "SKIPPED: " << (reason) << std::endl; \
    return;                                            \
  } while (false)
