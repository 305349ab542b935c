#include "tools/bench_probe.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>

#include "tensor/base/error.h"
#include "tensor/base/parallel.h"
#include "tensor/dispatch.h"
#include "tensor/tensor.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace retort::tools {
namespace {

double seconds_of(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// ---- Arithmetic: loops that touch nothing but registers ----

// Multiplications and additions of the baseline instruction set, as many chains as hide their
// latency.
void issue_baseline(std::int64_t iterations) {
  constexpr int kChains = 48;
  float x[kChains] = {};
  for (; iterations > 0; --iterations) {
    asm volatile("" : "+m"(x));
    for (float& chain : x) chain = chain * 0.5f + 1.0f;
  }
}

#if defined(__x86_64__)

// clang-format off
#define RETORT_12(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11)
#define RETORT_24(M) RETORT_12(M) M(12) M(13) M(14) M(15) M(16) M(17) M(18) M(19) M(20) M(21) M(22) M(23)
#define RETORT_LOW "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
  "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define RETORT_HIGH "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm30", "xmm31"
// clang-format on

// 12 or 24 independent accumulators, then twice 12: the loop is as long for both.
#define RETORT_YMM_LOOP(function, instruction)                                  \
  __attribute__((target("avx2,fma"))) void function(std::int64_t iterations) {  \
    asm volatile(                                                               \
        "vxorps %%ymm14, %%ymm14, %%ymm14\n vxorps %%ymm15, %%ymm15, %%ymm15\n" \
        ".align 64\n 1:\n" RETORT_12(instruction)                               \
            RETORT_12(instruction) "dec %0\n jnz 1b\n vzeroupper\n"             \
        : "+r"(iterations)::"memory", "cc", RETORT_LOW);                        \
  }
#define RETORT_ZMM_LOOP(function, instruction)                                     \
  __attribute__((target("avx512f"))) void function(std::int64_t iterations) {      \
    asm volatile(                                                                  \
        "vpxord %%zmm30, %%zmm30, %%zmm30\n vpxord %%zmm31, %%zmm31, %%zmm31\n"    \
        ".align 64\n 1:\n" RETORT_24(instruction) "dec %0\n jnz 1b\n vzeroupper\n" \
        : "+r"(iterations)::"memory", "cc", RETORT_LOW, RETORT_HIGH);              \
  }

#define RETORT_YMM_F32(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"
#define RETORT_YMM_F64(i) "vfmadd231pd %%ymm14, %%ymm15, %%ymm" #i "\n"
#define RETORT_ZMM_F32(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"
#define RETORT_ZMM_F64(i) "vfmadd231pd %%zmm30, %%zmm31, %%zmm" #i "\n"
#define RETORT_ZMM_BF16(i) "vdpbf16ps %%zmm30, %%zmm31, %%zmm" #i "\n"
RETORT_YMM_LOOP(issue_ymm_f32, RETORT_YMM_F32)
RETORT_YMM_LOOP(issue_ymm_f64, RETORT_YMM_F64)
RETORT_ZMM_LOOP(issue_zmm_f32, RETORT_ZMM_F32)
RETORT_ZMM_LOOP(issue_zmm_f64, RETORT_ZMM_F64)
RETORT_ZMM_LOOP(issue_zmm_bf16, RETORT_ZMM_BF16)

struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Two tiles of A by two of B, as a product uses them.
void issue_tiles(std::int64_t iterations) {
  const TileConfiguration all;
  asm volatile("ldtilecfg %0" : : "m"(all));
  asm volatile(
      "tilezero %%tmm0\n tilezero %%tmm1\n tilezero %%tmm2\n tilezero %%tmm3\n"
      "tilezero %%tmm4\n tilezero %%tmm5\n tilezero %%tmm6\n tilezero %%tmm7\n"
      ".align 64\n 1:\n"
      "tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n tdpbf16ps %%tmm7, %%tmm4, %%tmm1\n"
      "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n tdpbf16ps %%tmm7, %%tmm5, %%tmm3\n"
      "dec %0\n jnz 1b\n tilerelease\n"
      : "+r"(iterations)::"memory", "cc");
}

#endif

struct Instruction {
  const char* name;
  void (*issue)(std::int64_t iterations);
  double operations;  // of one iteration
};

const Instruction& instruction_of(DType dtype) {
  static const Instruction baseline = {"baseline multiply and add", issue_baseline, 48 * 2};
#if defined(__x86_64__)
  static const Instruction ymm_f32 = {"ymm f32 FMA", issue_ymm_f32, 24 * 16};
  static const Instruction ymm_f64 = {"ymm f64 FMA", issue_ymm_f64, 24 * 8};
  static const Instruction zmm_f32 = {"zmm f32 FMA", issue_zmm_f32, 24 * 32};
  static const Instruction zmm_f64 = {"zmm f64 FMA", issue_zmm_f64, 24 * 16};
  static const Instruction zmm_bf16 = {"VDPBF16PS", issue_zmm_bf16, 24 * 64};
  static const Instruction tiles = {"TDPBF16PS", issue_tiles, 4 * 2 * 16 * 16 * 32};
  const std::string isa = kernels().isa;
  if (isa == "avx2") return dtype == DType::f64 ? ymm_f64 : ymm_f32;
  if (isa == "avx512bf16" && dtype == DType::bf16) return zmm_bf16;
  if (isa == "amx" && dtype == DType::bf16) return tiles;
  if (isa != "generic") return dtype == DType::f64 ? zmm_f64 : zmm_f32;
#endif
  return baseline;
}

// ---- Memory ----

#if defined(__SSE2__)
using Line = __m128;
constexpr int kLineFloats = 4;
inline Line load_line(const float* p) { return _mm_load_ps(p); }
inline Line add_lines(Line a, Line b) { return _mm_add_ps(a, b); }
template <bool NonTemporal>
void store_line(float* p, Line x) {
  if constexpr (NonTemporal) _mm_stream_ps(p, x);
  else _mm_store_ps(p, x);
}
inline void stores_done() { _mm_sfence(); }
#else
using Line = float;
constexpr int kLineFloats = 1;
inline Line load_line(const float* p) { return *p; }
inline Line add_lines(Line a, Line b) { return a + b; }
template <bool NonTemporal>
void store_line(float* p, Line x) {
  *p = x;
}
inline void stores_done() {}
#endif

constexpr int kMaxArrays = 16;
constexpr std::int64_t kLineBytes = 64;
constexpr std::int64_t kChunkBytes = 256 << 10;  // of one array: what a thread takes at a time

struct Pointers {
  const float* read[kMaxArrays];
  float* write[kMaxArrays];
};

constexpr int kParts = kLineBytes / 4 / kLineFloats;

// One 64-byte line of every array: the sum of what is read goes to what is written, or, where
// nothing is, to `kept`, part by part: a single sum would wait for its additions, not for memory.
template <bool NonTemporal>
void pass_line(const Stream& s, const Pointers& p, std::int64_t at, Line (&kept)[kParts]) {
  Line sum[kParts];
  for (int i = 0; i < kParts; ++i) sum[i] = kept[i];
  for (int r = 0; r < s.reads; ++r)
    for (int i = 0; i < kParts; ++i)
      sum[i] = add_lines(sum[i], load_line(p.read[r] + at + i * kLineFloats));
  for (int w = 0; w < s.writes; ++w)
    for (int i = 0; i < kParts; ++i)
      store_line<NonTemporal>(p.write[w] + at + i * kLineFloats, sum[i]);
  if (s.writes > 0) return;
  for (int i = 0; i < kParts; ++i) kept[i] = sum[i];
}

template <bool NonTemporal, int Places>
void pass_chunk(const Stream& s, const Pointers& p, std::int64_t begin) {
  constexpr std::int64_t kStep = kChunkBytes / 4 / Places;
  Line kept[kParts] = {};
  for (std::int64_t i = 0; i < kStep; i += kLineBytes / 4)
    for (int place = 0; place < Places; ++place)
      pass_line<NonTemporal>(s, p, begin + place * kStep + i, kept);
  asm volatile("" : : "r,m"(kept) : "memory");
  if (NonTemporal) stores_done();
}

template <bool NonTemporal>
void pass_chunk(const Stream& s, int places, const Pointers& p, std::int64_t begin) {
  switch (places) {
    case 1:
      return pass_chunk<NonTemporal, 1>(s, p, begin);
    case 2:
      return pass_chunk<NonTemporal, 2>(s, p, begin);
    case 4:
      return pass_chunk<NonTemporal, 4>(s, p, begin);
    default:
      return pass_chunk<NonTemporal, 8>(s, p, begin);
  }
}

}  // namespace

std::string arithmetic_name(DType dtype) { return instruction_of(dtype).name; }

double arithmetic_peak(DType dtype) {
  const Instruction& instruction = instruction_of(dtype);
  static std::map<const Instruction*, std::int64_t>
      calibrated;  // iterations in a quarter of a millisecond
  std::int64_t& iterations = calibrated[&instruction];
  if (iterations == 0) {
    constexpr std::int64_t kTrial = 20000;
    const double seconds = seconds_of([&] { instruction.issue(kTrial); });
    iterations = std::max<std::int64_t>(1, static_cast<std::int64_t>(kTrial * 0.25e-3 / seconds));
  }
  const std::int64_t chunks = std::int64_t{8} * thread_count();
  const double seconds = seconds_of(
      [&] { parallel_chunks(chunks, [&](std::int64_t, int) { instruction.issue(iterations); }); });
  return static_cast<double>(chunks) * static_cast<double>(iterations) * instruction.operations /
         seconds / 1e9;
}

const std::vector<StreamWalk>& stream_walks() {
  static const std::vector<StreamWalk> walks = {{1, false}, {2, false}, {4, false}, {8, false},
                                                {1, true},  {2, true},  {4, true},  {8, true}};
  return walks;
}

std::int64_t beyond_caches() {
  static const std::int64_t bytes = std::clamp<std::int64_t>(
      3 * static_cast<std::int64_t>(sysconf(_SC_LEVEL3_CACHE_SIZE)) / 2, 256 << 20, 1 << 30);
  return bytes;
}

double run_stream(const Stream& stream, const StreamWalk& walk) {
  check(stream.reads >= 0 && stream.writes >= 0 &&
            stream.in_place <= std::min(stream.reads, stream.writes) && stream.arrays() > 0 &&
            stream.arrays() <= kMaxArrays,
        "bench: a stream reads and writes 1 to ", kMaxArrays, " arrays, found ", stream.reads,
        " and ", stream.writes);
  const std::int64_t chunks =
      std::max<std::int64_t>(1, stream.bytes / stream.arrays() / kChunkBytes);
  // A line between the arrays: equal offsets must not share sets of the caches.
  const std::int64_t spacing = (chunks * kChunkBytes + 5 * kLineBytes) / 4;
  static Tensor memory;
  const std::int64_t needed = stream.arrays() * spacing;
  if (!memory.defined() || memory.count() < needed) memory = Tensor::zeros({needed});
  float* const data = memory.mutable_data<float>();
  Pointers p{};
  for (int r = 0; r < stream.reads; ++r) p.read[r] = data + r * spacing;
  for (int w = 0; w < stream.writes; ++w)
    p.write[w] = data + (w < stream.in_place ? w : stream.reads + w - stream.in_place) * spacing;
  parallel_chunks(chunks, [&](std::int64_t chunk, int) {
    const std::int64_t begin = chunk * kChunkBytes / 4;
    if (walk.non_temporal) pass_chunk<true>(stream, walk.places, p, begin);
    else pass_chunk<false>(stream, walk.places, p, begin);
  });
  return static_cast<double>(stream.reads + stream.writes) *
         static_cast<double>(chunks * kChunkBytes);
}

double stream_peak(const Stream& stream) {
  double fastest = 0;
  for (const StreamWalk& walk : stream_walks()) {
    double bytes = 0;
    const double seconds = seconds_of([&] { bytes = run_stream(stream, walk); });
    fastest = std::max(fastest, bytes / seconds / 1e9);
  }
  return fastest;
}

}  // namespace retort::tools
