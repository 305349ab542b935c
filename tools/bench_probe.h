// The limits of the machine at hand, measured: how fast multiply-adds issue, how fast memory
// streams.
//
// Clocks drift and neighbours come and go, so a limit only means something beside what it is
// compared with: probes are short and are repeated around every measurement. All threads of
// thread_count().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace retort::tools {

/// The instruction that bounds the arithmetic of the kernel table in use for a dtype: "zmm f32
/// FMA", "ymm f32 FMA", "VDPBF16PS", "TDPBF16PS", …; halves that a table widens to f32 are bound by
/// its FMA.
std::string arithmetic_name(DType dtype);

/// GFLOP/s of that instruction on independent registers, without any memory, over about 2 ms a
/// thread.
double arithmetic_peak(DType dtype);

/// Bytes that the arrays of a measurement should have together, so that no cache holds them.
std::int64_t beyond_caches();

/// A pass over memory: so many arrays read and written; the first `in_place` of the written ones
/// are read ones too (AdamW: 4 read, 3 written, 3 in place). `bytes`: of all arrays together.
struct Stream {
  int reads = 0, writes = 0, in_place = 0;
  std::int64_t bytes = beyond_caches();
  int arrays() const { return reads + writes - in_place; }
};

/// How a stream walks: each thread reads an array at 1, 2, 4 or 8 places at once; stores go through
/// the caches or around them.
struct StreamWalk {
  int places = 1;
  bool non_temporal = false;
};

/// The ways that stream_peak() tries.
const std::vector<StreamWalk>& stream_walks();

/// One pass; returns the bytes read and written.
double run_stream(const Stream& stream, const StreamWalk& walk);

/// GB/s of the fastest walk of such a stream, in one pass each.
double stream_peak(const Stream& stream);

}  // namespace retort::tools
