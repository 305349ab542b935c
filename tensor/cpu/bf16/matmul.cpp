// Products of bf16 matrices with f32 sums: how the work is blocked, packed and split over threads.
//
// Tiles are so fast that what counts is where operands lie. Either a chunk of B's columns is packed
// once and stays in the second-level cache while stripes of 32 rows of A pass by, read in place
// where their lines allow it; or, where A has to be packed by transposing, a block of its rows
// stays there while B's panels pass. Lines that come next are fetched, and the sums of the block
// before become c (with bias and activation), between the steps of a block, whose sums run over all
// of k in the tiles. An element of c is made by the same instructions in the same order whatever
// the number of rows, the path or the threads, so a row's bits depend on that row alone.
#include "tensor/cpu/bf16/pack.h"
#include "tensor/cpu/loops.h"
#include "tensor/cpu/simd_math.h"
#include "tensor/functors.h"
#include "tensor/kernels.h"

namespace retort::isa::RETORT_ISA {
namespace {

constexpr std::int64_t kResidentWords = 5 << 16;  // 1.25 MB of packed words in the L2 cache
constexpr std::int64_t kSharedWords = 4 << 20;    // of packed B, when it passes by
constexpr std::int64_t kLocalPanels = 8;          // of B that one thread packs for itself, at most
constexpr std::int64_t kLocalRows = 64;           // up to here B is read too rarely to be shared
constexpr std::int64_t kLocalWork = 1 << 22;      // multiply-adds of a product for one thread
constexpr std::int64_t kTaskStripes = 8;          // of 32 rows, at most
constexpr std::int64_t kStreamTasks = 4;          // of a thread, when B goes by once
constexpr std::int64_t kStepsAhead = 8;           // 16 KB of B that are on their way then

RETORT_INLINE std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Splits `total` into equal parts of at most `limit` (at least 1).
RETORT_INLINE std::int64_t even_part(std::int64_t total, std::int64_t limit) {
  return ceil_div(total, ceil_div(total, larger(1, limit)));
}

bool is_local(const MatmulArgs& g) {
  return g.m <= kLocalRows || g.k == 0 || g.m * g.n <= kLocalWork / g.k;
}

/// Whether tiles can be loaded from A as it lies: whole steps, rows on cache lines.
bool in_place(const MatmulArgs& g) {
  return g.a_col == 1 && g.k % kStep == 0 && g.a_row % kStep == 0 && g.a_batch % kStep == 0 &&
         reinterpret_cast<std::uintptr_t>(g.a) % 64 == 0;
}

/// Whether packed panels of B go by once, so that their way from memory is what takes time.
bool streams(const MatmulArgs& g) { return g.packed_b && g.m <= kSide; }

/// How a product is cut up.
struct Sizes {
  Sizes(const MatmulArgs& g, std::int64_t threads)
      : steps(ceil_div(g.k, kStep)),
        panel(steps * kStepWords),
        panels(ceil_div(g.n, kSide)),
        a_stays(!is_local(g) && !in_place(g)),
        chunk(even_part(panels, (a_stays ? kSharedWords : kResidentWords) / larger(1, panel))),
        rows(kSide * task_stripes(g, threads)),
        local(larger(1, smaller(kLocalPanels, kResidentWords / larger(1, panel)))) {
    if (streams(g)) local = larger(local, panels / (kStreamTasks * threads));
  }
  std::int64_t steps;   // of k
  std::int64_t panel;   // words of a packed panel of B, or of 32 rows of A
  std::int64_t panels;  // of 32 columns
  bool a_stays;         // packed in the L2 cache, while panels of B pass by
  std::int64_t chunk;   // panels that are packed at once for all threads
  std::int64_t rows;    // of a task
  std::int64_t local;   // panels that a thread takes, and packs for itself, at once at most

 private:
  /// Stripes of 32 rows to a task; every thread gets as many tasks.
  std::int64_t task_stripes(const MatmulArgs& g, std::int64_t threads) const {
    const std::int64_t stripes = ceil_div(g.m, kSide);
    const std::int64_t most =
        a_stays ? larger(1, smaller(kTaskStripes, kResidentWords / panel)) : kTaskStripes;
    return ceil_div(stripes, ceil_div(ceil_div(stripes, most), threads) * threads);
  }
};

// ---- From sums to c ----

RETORT_INLINE __m512 load_bf16(const Half* p, __mmask16 mask) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p)), 16));
}

/// Both vectors in bf16, rounded to nearest, ties to even; denormal numbers become zeros, as
/// everywhere in these products.
RETORT_INLINE __m512i to_bf16(__m512 low, __m512 high) {
#if defined(__AVX512BF16__)
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
#else
  const auto half = [](__m512 x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i y = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
    const __mmask16 denormal = _mm512_cmplt_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(0x1p-126f));
    y = _mm512_mask_and_epi32(y, denormal, bits, _mm512_set1_epi32(static_cast<int>(0x80000000u)));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    y = _mm512_mask_or_epi32(y, nan, bits, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(y, 16));
  };
  return _mm512_inserti64x4(_mm512_castsi256_si512(half(low)), half(high), 1);
#endif
}

/// Where a block's sums go: rows of c, the bias of its columns.
struct Target {
  char* c;
  std::int64_t row_bytes;
  const float* bias;
  bool f32_result, accumulate, gelu;
  std::int64_t width() const { return f32_result ? sizeof(float) : sizeof(Half); }
};

/// A block of sums that is yet to become c.
struct Pending {
  Target to = {};
  const float* sums = nullptr;
  std::int64_t rows = 0, columns = 0, row = 0;

  template <bool F32>
  void finish_rows(std::int64_t end) {
    const __mmask16 low = lane_mask(columns), high = lane_mask(columns - kTileWords);
    for (; row < end; ++row) {
      const float* const sum = sums + row * kSide;
      char* const c = to.c + row * to.row_bytes;
      auto* const wide = reinterpret_cast<float*>(c);
      auto* const narrow = reinterpret_cast<Half*>(c);
      __m512 x = _mm512_load_ps(sum), y = _mm512_load_ps(sum + kTileWords);
      if (to.accumulate) {
        x = _mm512_add_ps(x, F32 ? _mm512_maskz_loadu_ps(low, wide) : load_bf16(narrow, low));
        y = _mm512_add_ps(y, F32 ? _mm512_maskz_loadu_ps(high, wide + kTileWords)
                                 : load_bf16(narrow + kTileWords, high));
      }
      if (to.bias) {
        x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(low, to.bias));
        y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(high, to.bias + kTileWords));
      }
      if (to.gelu) {
        x = functors::Gelu{}(VecF{x}).value;
        y = functors::Gelu{}(VecF{y}).value;
      }
      if constexpr (F32) {
        _mm512_mask_storeu_ps(wide, low, x);
        _mm512_mask_storeu_ps(wide + kTileWords, high, y);
      } else {
        _mm512_mask_storeu_epi16(narrow, low | static_cast<__mmask32>(high) << 16, to_bf16(x, y));
      }
    }
  }
  /// The next `count` rows, or those that are left.
  RETORT_INLINE void finish(std::int64_t count) {
    const std::int64_t end = smaller(rows, row + count);
    if (row == end) return;
    if (to.f32_result) finish_rows<true>(end);
    else finish_rows<false>(end);
  }
};

// ---- Blocks ----

/// What a thread works with; `room` is for packed operands, the sums of two blocks lie before it.
class Worker {
 public:
  explicit Worker(Word* memory)
      : room(memory + 2 * kSideFloats), sums_(reinterpret_cast<float*>(memory)) {}
  ~Worker() { pending_.finish(kSide); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// One block of c, while the one before it is finished, lines of c are fetched, and others by
  /// `fetch`, which is called after each step.
  template <class F>
  void multiply(const Steps& steps, std::int64_t rows, std::int64_t columns, const Target& to,
                F&& fetch) {
    float* const sums = sums_ + turn_ * kSideFloats;
    Prefetch c = Prefetch::matrix(to.c, to.row_bytes, 1, rows, columns * to.width(), steps.count);
    const std::int64_t count = ceil_div(pending_.rows, larger(1, steps.count));
    multiply_block(steps, rows, columns, sums, [&]() {
      fetch();
      c.write();
      pending_.finish(count);
    });
    pending_.finish(kSide);
    pending_ = {to, sums, rows, columns, 0};
    turn_ ^= 1;
  }

  Word* const room;
  Prefetch next;

 private:
  [[maybe_unused]] TileScope tiles_;
  float* const sums_;
  Pending pending_;
  int turn_ = 0;
};

/// Packed panels of B and the columns of c that belong to them.
struct Panels {
  const Word* packed;
  std::int64_t first, count, columns;  // the last panel may be narrow
  std::int64_t steps;
  Target to;

  /// The steps of a block in `panel`. Every second panel of c goes through k backwards: what the
  /// block before it read last is still in the first-level cache.
  Steps along(const Rows& a, std::int64_t panel) const {
    return Steps(a, packed + panel * steps * kStepWords, steps, (first + panel) % 2 != 0);
  }

  /// Block (i, panel) of c.
  Target target(std::int64_t i, std::int64_t panel) const {
    Target t = to;
    t.c += i * t.row_bytes + panel * kSide * t.width();
    if (t.bias) t.bias += panel * kSide;
    return t;
  }
  std::int64_t width(std::int64_t panel) const { return smaller(kSide, columns - panel * kSide); }
};

Panels panels_of(const MatmulArgs& g, char* c, const Word* packed, std::int64_t first,
                 std::int64_t count) {
  const std::int64_t j = first * kSide;
  Target to{c,
            g.c_row,
            g.bias ? static_cast<const float*>(g.bias) + j : nullptr,
            g.f32_result,
            g.accumulate,
            g.gelu};
  to.row_bytes *= to.width();
  to.c += j * to.width();
  return {packed, first, count, smaller(count * kSide, g.n - j), ceil_div(g.k, kStep), to};
}

/// The steps of panels in the order in which they are multiplied, fetched that much earlier.
class Ahead {
 public:
  explicit Ahead(const Panels& b) : b_(b) {
    for (std::int64_t step = 0; step < kStepsAhead; ++step) read();
  }
  RETORT_INLINE void read() {
    if (left_ == 0) {
      if (panel_ == b_.count) return;
      const Steps steps = b_.along(Rows{}, panel_++);
      at_ = steps.b;
      words_ = steps.b_words;
      left_ = steps.count;
      if (left_ == 0) return;
    }
    for (std::int64_t i = 0; i < kStepWords; i += kTileWords) __builtin_prefetch(at_ + i, 0, 2);
    at_ += words_;
    --left_;
  }

 private:
  const Panels& b_;
  std::int64_t panel_ = 0, left_ = 0, words_ = 0;
  const Word* at_ = nullptr;
};

/// One stripe of A, packed, through panels of B that come from memory and aren't needed again.
void multiply_streamed(const MatmulArgs& g, const Half* a, const Panels& b, Worker& worker) {
  pack_a(a, g.a_row, g.a_col, g.m, g.k, worker.room);
  Ahead ahead(b);
  for (std::int64_t panel = 0; panel < b.count; ++panel)
    worker.multiply(b.along(packed_rows(worker.room), panel), g.m, b.width(panel),
                    b.target(0, panel), [&]() { ahead.read(); });
}

/// Rows [begin, end): stripe by stripe, each through all panels, which stay in the L2 cache.
void multiply_stripes(const MatmulArgs& g, const Half* a, const Panels& b, std::int64_t begin,
                      std::int64_t end, const Sizes& sizes, Worker& worker) {
  const bool as_it_lies = in_place(g);
  for (std::int64_t i = begin; i < end; i += kSide) {
    const std::int64_t rows = smaller(kSide, end - i);
    const Half* const x = a + i * g.a_row;
    const std::int64_t row_bytes = g.a_row * static_cast<std::int64_t>(sizeof(Half));
    Rows stripe{reinterpret_cast<const char*>(x), row_bytes, kTileRows * row_bytes,
                kStep * sizeof(Half)};
    if (!as_it_lies || rows % kTileRows != 0) {
      pack_a(x, g.a_row, g.a_col, rows, g.k, worker.room);
      stripe = packed_rows(worker.room);
    }
    worker.next = Prefetch::matrix(x + kSide * g.a_row, g.a_row, g.a_col,
                                   smaller(kSide, end - i - kSide), g.k, b.count * sizes.steps);
    for (std::int64_t panel = 0; panel < b.count; ++panel)
      worker.multiply(b.along(stripe, panel), rows, b.width(panel), b.target(i, panel),
                      [&]() { worker.next.read(); });
  }
}

/// Rows [begin, end): packed once, they stay in the L2 cache while the panels pass by.
void multiply_packed_rows(const MatmulArgs& g, const Half* a, const Panels& b, std::int64_t begin,
                          std::int64_t end, const Sizes& sizes, Worker& worker) {
  const std::int64_t stripes = ceil_div(end - begin, kSide);
  for (std::int64_t p = 0; p < g.k; p += kStep) {
    // Columns of A lie pages apart: what the next step reads is fetched now.
    if (g.a_row == 1)
      for (std::int64_t q = p + kStep; q < smaller(g.k, p + 2 * kStep); ++q)
        for (std::int64_t i = begin; i < end; i += kSide)
          __builtin_prefetch(a + i + q * g.a_col, 0, 2);
    for (std::int64_t i = begin; i < end; i += kSide)
      pack_a(a + i * g.a_row + p * g.a_col, g.a_row, g.a_col, smaller(kSide, end - i),
             smaller(kStep, g.k - p),
             worker.room + (i - begin) / kSide * sizes.panel + p / kStep * kStepWords);
  }
  for (std::int64_t panel = 0; panel < b.count; ++panel) {
    const Word* const packed = b.packed + panel * sizes.panel;
    worker.next = Prefetch::matrix(packed + sizes.panel, sizes.panel, 1,
                                   panel + 1 < b.count ? 1 : 0, sizes.panel, stripes * sizes.steps);
    for (std::int64_t i = begin; i < end; i += kSide)
      worker.multiply(b.along(packed_rows(worker.room + (i - begin) / kSide * sizes.panel), panel),
                      smaller(kSide, end - i), b.width(panel), b.target(i, panel),
                      [&]() { worker.next.read(); });
  }
}

// ---- Products ----

/// `after`: panels from this one to that which this thread will probably pack next.
void pack_panel(const MatmulArgs& g, const Half* b, std::int64_t panel, std::int64_t after,
                Word* packed) {
  const std::int64_t j = panel * kSide;
  const std::int64_t ahead = j + (after + 1) * kSide <= g.n ? after * kSide * g.b_col : 0;
  pack_b(b + j * g.b_col, g.b_col, g.b_row, smaller(kSide, g.n - j), g.k, ahead, packed);
}

/// Words of one thread's memory.
std::int64_t worker_words(const MatmulArgs& g, const Sizes& sizes) {
  const std::int64_t of_a = sizes.a_stays ? sizes.rows / kSide : 1;
  const std::int64_t of_b = is_local(g) && !g.packed_b ? sizes.local : 0;
  return 2 * kSideFloats + (of_a + of_b) * sizes.panel;
}

void multiply_shared(const MatmulArgs& g, const Half* a, const Half* b, char* c, Word* workspace) {
  const Sizes sizes(g, thread_count());
  Word* const memory = workspace + (g.packed_b ? 0 : sizes.chunk * sizes.panel);
  const std::int64_t threads = thread_count();
  for (std::int64_t first = 0; first < sizes.panels; first += sizes.chunk) {
    const std::int64_t count = smaller(sizes.chunk, sizes.panels - first);
    const Word* packed = static_cast<const Word*>(g.packed_b);
    if (packed) {
      packed += first * sizes.panel;
    } else {
      parallel_chunks(count, [&](std::int64_t panel, int) {
        pack_panel(g, b, first + panel, threads, workspace + panel * sizes.panel);
      });
      packed = workspace;
    }
    const Panels panels = panels_of(g, c, packed, first, count);
    parallel_ranges(g.m, sizes.rows, [&](std::int64_t begin, std::int64_t end, int number) {
      Worker worker(memory + number * worker_words(g, sizes));
      if (sizes.a_stays) multiply_packed_rows(g, a, panels, begin, end, sizes, worker);
      else multiply_stripes(g, a, panels, begin, end, sizes, worker);
    });
  }
}

/// Few rows, or a batch of small products: every thread packs the columns that it computes.
void multiply_local(const MatmulArgs& g, Word* workspace) {
  const Sizes sizes(g, thread_count());
  const auto size = static_cast<std::int64_t>(g.f32_result ? sizeof(float) : sizeof(Half));
  const std::int64_t groups = ceil_div(sizes.panels, sizes.local);
  parallel_chunks(g.batch * groups, [&](std::int64_t unit, int number) {
    const std::int64_t index = unit / groups, first = unit % groups * sizes.local;
    const std::int64_t count = smaller(sizes.local, sizes.panels - first);
    Worker worker(workspace + number * worker_words(g, sizes));
    const Word* packed = static_cast<const Word*>(g.packed_b);
    if (packed) {
      packed += first * sizes.panel;
    } else {
      Word* const own = worker.room + sizes.panel;
      for (std::int64_t panel = 0; panel < count; ++panel)
        pack_panel(g, static_cast<const Half*>(g.b) + index * g.b_batch, first + panel, 1,
                   own + panel * sizes.panel);
      packed = own;
    }
    const Half* const a = static_cast<const Half*>(g.a) + index * g.a_batch;
    const Panels panels =
        panels_of(g, static_cast<char*>(g.c) + index * g.c_batch * size, packed, first, count);
    if (streams(g)) multiply_streamed(g, a, panels, worker);
    else multiply_stripes(g, a, panels, 0, g.m, sizes, worker);
  });
}

}  // namespace

void matmul_bf16(const Launch& launch, const MatmulArgs& g) {
  if (g.batch <= 0 || g.m <= 0 || g.n <= 0) return;
  auto* const workspace = static_cast<Word*>(launch.workspace);
  if (is_local(g)) {
    multiply_local(g, workspace);
    return;
  }
  const auto size = static_cast<std::int64_t>(g.f32_result ? sizeof(float) : sizeof(Half));
  for (std::int64_t index = 0; index < g.batch; ++index)
    multiply_shared(g, static_cast<const Half*>(g.a) + index * g.a_batch,
                    static_cast<const Half*>(g.b) + index * g.b_batch,
                    static_cast<char*>(g.c) + index * g.c_batch * size, workspace);
}

std::int64_t matmul_workspace_bf16(const MatmulArgs& g, int threads) {
  if (g.batch <= 0 || g.m <= 0 || g.n <= 0) return 0;
  const Sizes sizes(g, threads);
  const std::int64_t shared = is_local(g) || g.packed_b ? 0 : sizes.chunk * sizes.panel;
  return (shared + threads * worker_words(g, sizes)) * static_cast<std::int64_t>(sizeof(Word));
}

void matmul_pack_bf16(const Launch& launch, const MatmulPackArgs& x) {
  MatmulArgs g{};
  g.n = x.n;
  g.k = x.k;
  g.b_row = x.b_row;
  g.b_col = x.b_col;
  const std::int64_t words = ceil_div(x.k, kStep) * kStepWords;
  parallel_chunks(ceil_div(x.n, kSide), [&](std::int64_t panel, int) {
    pack_panel(g, static_cast<const Half*>(x.b), panel, thread_count(),
               static_cast<Word*>(launch.workspace) + panel * words);
  });
}

std::int64_t matmul_pack_workspace_bf16(const MatmulPackArgs& x, int) {
  return ceil_div(x.n, kSide) * ceil_div(x.k, kStep) * kStepWords *
         static_cast<std::int64_t>(sizeof(Word));
}

}  // namespace retort::isa::RETORT_ISA
