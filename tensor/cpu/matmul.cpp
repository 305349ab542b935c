// Matrix products: how the work is blocked, packed and split over threads.
//
// Large products pack B once into shared memory, then every task packs its own rows of A, block of
// p by block of p, and multiplies panels (the scheme of Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", ACM TOMS 2008). Products with few rows, and batches of
// small ones, read A in place and pack at most one panel of B at a time. An operand B that is used
// often can be packed once and for all (matmul_pack). All ways give the same bits (see
// matmul_tile.h), so the choice may depend on sizes and threads as it likes.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"
#include "tensor/cpu/matmul_tile.h"
#include "tensor/cpu/simd_math.h"
#include "tensor/functors.h"
#include "tensor/kernels.h"

namespace retort::isa::RETORT_ISA {
namespace {

constexpr std::int64_t kRowsPerTask = 256;          // at most
constexpr std::int64_t kBlockElements = 192 << 10;  // a task's rows of A, packed, in the L2 cache
constexpr std::int64_t kSharedElements = 1 << 22;   // packed B is at most about this large
constexpr std::int64_t kInPlaceRows = 64;           // up to here packing A doesn't pay
constexpr std::int64_t kSmallWork = 1 << 21;  // multiply-adds of a product that needs no blocking
constexpr std::int64_t kTaskWork = 1 << 19;   // multiply-adds worth handing to a thread

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Splits `total` into equal blocks of at most `limit`, in multiples of `unit`.
std::int64_t even_block(std::int64_t total, std::int64_t limit, std::int64_t unit) {
  if (total <= 0) return unit;
  return ceil_div(ceil_div(total, ceil_div(total, limit)), unit) * unit;
}

bool is_local(const MatmulArgs& g) {
  return g.m <= kInPlaceRows || g.k == 0 || g.m * g.n <= kSmallWork / g.k;
}

/// x = gelu(x) for complete columns of c, which are still in the caches.
template <class T>
void apply_gelu(T* x, std::int64_t row, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t i = 0; i < rows; ++i, x += row) {
    if constexpr (sizeof(T) == sizeof(double)) {
      for (std::int64_t j = 0; j < columns; ++j) x[j] = functors::Gelu{}(x[j]);
    } else {
      sweep<T>(columns, [&](std::int64_t j, auto lanes) {
        store(x + j, functors::Gelu{}(load(x + j, lanes)), lanes);
      });
    }
  }
}

/// Panel `panel` of B, all of k; as the tiles read it.
template <class T>
void pack_panel_of_b(const MatmulArgs& g, const T* b, std::int64_t panel, T* packed) {
  constexpr std::int64_t kColumns = TileShape<T>::kColumns;
  pack_panel<T, kColumns>(b + panel * kColumns * g.b_col, g.b_col, g.b_row,
                          smaller(kColumns, g.n - panel * kColumns), g.k, packed);
}

/// The blocks of one large product, from its sizes alone.
template <class T>
struct SharedBlocks {
  using Shape = TileShape<T>;
  explicit SharedBlocks(const MatmulArgs& g) {
    columns = even_block(g.n, larger(kSharedElements / g.k, Shape::kColumns), Shape::kColumns);
    const std::int64_t most = smaller(kRowsPerTask, larger(kBlockElements / g.k, 4 * Shape::kRows));
    rows = even_block(g.m, most / Shape::kRows * Shape::kRows, Shape::kRows);
    depth = even_block(g.k, Shape::kDepth, 8);
  }
  std::int64_t packed_b(const MatmulArgs& g) const { return g.packed_b ? 0 : g.k * columns; }
  std::int64_t packed_a(const MatmulArgs& g) const { return g.k * rows; }
  std::int64_t columns;  // of the packed part of B
  std::int64_t rows;     // of a task, at most
  std::int64_t depth;    // of the part of a panel that stays in the L1 cache
};

/// Rows [0, m) and columns [0, n) of one task of a large product.
template <class T>
struct Block {
  const T* a;
  const T* packed_b;
  T* c;
  const T* bias;
  std::int64_t m, n;
  std::int64_t next_rows;  // behind these: those that this thread will probably take next
  std::int64_t next_step;
};

/// Panel by panel of B, and within a panel depth by depth, so that its columns of c stay in the L2
/// cache until they are complete.
template <class T>
void multiply_block(const MatmulArgs& g, const Block<T>& x, std::int64_t depth, T* packed_a) {
  using Shape = TileShape<T>;
  const std::int64_t rows = ceil_div(x.m, Shape::kRows) * Shape::kRows;
  for (std::int64_t p = 0; p < g.k; p += depth)
    for (std::int64_t i = 0; i < x.m; i += Shape::kRows) {
      const std::int64_t k = smaller(depth, g.k - p);
      pack_panel<T, Shape::kRows>(x.a + i * g.a_row + p * g.a_col, g.a_row, g.a_col,
                                  smaller(Shape::kRows, x.m - i), k, packed_a + p * rows + i * k);
    }
  const std::int64_t panels = ceil_div(x.n, Shape::kColumns), tiles = rows / Shape::kRows;
  Prefetch next_a = Prefetch::matrix(x.a + x.next_step * g.a_row, g.a_row, g.a_col, x.next_rows,
                                     g.k, panels * tiles * g.k / 8);
  TileArgs<T> t{};
  t.c_row = g.c_row;
  t.next_a = &next_a;
  t.b = x.packed_b;
  for (std::int64_t j = 0; j < x.n; j += Shape::kColumns) {
    t.c = x.c + j;
    for (std::int64_t p = 0; p < g.k; p += depth) {
      t.k = smaller(depth, g.k - p);
      t.a = packed_a + p * rows;
      t.load_c = g.accumulate || p > 0;
      t.bias = x.bias && p + t.k == g.k ? x.bias + j : nullptr;
      // The next part of B lies behind this one.
      const std::int64_t left =
          (panels * g.k) * Shape::kColumns - (t.b - x.packed_b) - t.k * Shape::kColumns;
      Prefetch next_b = Prefetch::matrix(t.b + t.k * Shape::kColumns, left, 1, left > 0 ? 1 : 0,
                                         smaller(left, t.k * Shape::kColumns), tiles * t.k / 8);
      t.next_b = &next_b;
      multiply_panel<T, true, true>(t, x.m, smaller(Shape::kColumns, x.n - j), t.k * Shape::kRows);
      t.b += t.k * Shape::kColumns;
    }
    if (g.gelu) apply_gelu(x.c + j, g.c_row, x.m, smaller(Shape::kColumns, x.n - j));
  }
}

/// One product of the batch, by blocks of B that are packed for all threads.
template <class T>
void multiply_shared(const MatmulArgs& g, const T* a, const T* b, T* c, T* workspace) {
  using Shape = TileShape<T>;
  const SharedBlocks<T> blocks(g);
  T* const packed_a = workspace + blocks.packed_b(g);
  const std::int64_t threads = thread_count();
  const std::int64_t panel_size = g.k * Shape::kColumns;
  for (std::int64_t j0 = 0; j0 < g.n; j0 += blocks.columns) {
    const std::int64_t n = smaller(blocks.columns, g.n - j0);
    const std::int64_t panels = ceil_div(n, Shape::kColumns), first = j0 / Shape::kColumns;
    const T* packed_b = static_cast<const T*>(g.packed_b);
    if (packed_b) {
      packed_b += first * panel_size;
    } else {
      parallel_chunks(panels, [&](std::int64_t panel, int) {
        pack_panel_of_b(g, b, first + panel, workspace + panel * panel_size);
      });
      packed_b = workspace;
    }
    // Several tasks per thread even out their speeds; below 96 rows, or on many threads, columns
    // are split instead, at the price of packing A more than once.
    const std::int64_t wanted = threads == 1 ? 1 : threads <= 4 ? 4 * threads : 2 * threads;
    const std::int64_t row_tasks =
        larger(ceil_div(g.m, blocks.rows), smaller(wanted, ceil_div(g.m, 96)));
    const std::int64_t rows = ceil_div(ceil_div(g.m, row_tasks), Shape::kRows) * Shape::kRows;
    const std::int64_t row_blocks = ceil_div(g.m, rows);
    const std::int64_t column_tasks = smaller(ceil_div(wanted, row_blocks), ceil_div(panels, 2));
    const std::int64_t task_panels = ceil_div(panels, column_tasks);
    const std::int64_t column_blocks = ceil_div(panels, task_panels);
    parallel_chunks(row_blocks * column_blocks, [&](std::int64_t task, int worker) {
      const std::int64_t i = task / column_blocks * rows;
      const std::int64_t j = task % column_blocks * task_panels * Shape::kColumns;
      Block<T> x;
      x.a = a + i * g.a_row;
      x.packed_b = packed_b + task % column_blocks * task_panels * panel_size;
      x.c = c + i * g.c_row + j0 + j;
      x.bias = g.bias ? static_cast<const T*>(g.bias) + j0 + j : nullptr;
      x.m = smaller(rows, g.m - i);
      x.n = smaller(task_panels * Shape::kColumns, n - j);
      x.next_step = threads * rows;
      x.next_rows = smaller(rows, g.m - i - x.next_step);
      multiply_block(g, x, blocks.depth, packed_a + worker * blocks.packed_a(g));
    });
  }
}

/// Panel `panel` of one product, A in place, B in place when its rows are contiguous and few rows
/// of A use them.
template <class T>
void multiply_column_panel(const MatmulArgs& g, const T* a, const T* b, T* c, std::int64_t panel,
                           T* room) {
  using Shape = TileShape<T>;
  const std::int64_t j = panel * Shape::kColumns, n = smaller(Shape::kColumns, g.n - j);
  const bool in_place = !g.packed_b && g.b_col == 1 && g.m <= 2 * Shape::kRows;
  const std::int64_t depth = even_block(g.k, Shape::kDepth, 8);
  const T* const packed = static_cast<const T*>(g.packed_b);
  std::int64_t p = 0;
  do {  // once even when k is 0: that writes zeros and the bias
    TileArgs<T> t{};
    t.k = smaller(depth, g.k - p);
    t.a = a + p * g.a_col;
    t.a_row = g.a_row;
    t.a_col = g.a_col;
    t.b_row = g.b_row;
    t.c = c + j;
    t.c_row = g.c_row;
    t.load_c = g.accumulate || p > 0;
    t.b_streams = packed && g.m < Shape::kRows;
    t.bias = g.bias && p + t.k == g.k ? static_cast<const T*>(g.bias) + j : nullptr;
    if (in_place) {
      t.b = b + p * g.b_row + j;
      multiply_panel<T, false, false>(t, g.m, n, 0);
    } else {
      t.b = packed ? packed + (panel * g.k + p) * Shape::kColumns : room;
      if (!packed)
        pack_panel<T, Shape::kColumns>(b + p * g.b_row + j * g.b_col, g.b_col, g.b_row, n, t.k,
                                       room);
      multiply_panel<T, false, true>(t, g.m, n, 0);
    }
    p += depth;
  } while (p < g.k);
  if (g.gelu) apply_gelu(c + j, g.c_row, g.m, n);
}

template <class T>
void multiply_local(const MatmulArgs& g, T* workspace) {
  using Shape = TileShape<T>;
  const std::int64_t panels = ceil_div(g.n, Shape::kColumns);
  const std::int64_t work = larger(1, g.m * smaller(g.n, Shape::kColumns) * g.k);
  const std::int64_t grain = larger(1, kTaskWork / work);
  parallel_ranges(g.batch * panels, grain, [&](std::int64_t begin, std::int64_t end, int worker) {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t index = unit / panels;
      multiply_column_panel(g, static_cast<const T*>(g.a) + index * g.a_batch,
                            static_cast<const T*>(g.b) + index * g.b_batch,
                            static_cast<T*>(g.c) + index * g.c_batch, unit % panels,
                            workspace + worker * Shape::kDepth * Shape::kColumns);
    }
  });
}

template <class T>
void matmul(const Launch& launch, const MatmulArgs& g) {
  if (g.batch <= 0 || g.m <= 0 || g.n <= 0) return;
  T* const workspace = static_cast<T*>(launch.workspace);
  if (is_local(g)) {
    multiply_local<T>(g, workspace);
    return;
  }
  for (std::int64_t index = 0; index < g.batch; ++index)
    multiply_shared<T>(g, static_cast<const T*>(g.a) + index * g.a_batch,
                       static_cast<const T*>(g.b) + index * g.b_batch,
                       static_cast<T*>(g.c) + index * g.c_batch, workspace);
}

template <class T>
std::int64_t matmul_workspace(const MatmulArgs& g, int threads) {
  using Shape = TileShape<T>;
  constexpr auto size = static_cast<std::int64_t>(sizeof(T));
  if (g.batch <= 0 || g.m <= 0 || g.n <= 0) return 0;
  if (is_local(g)) return threads * Shape::kDepth * Shape::kColumns * size;
  const SharedBlocks<T> blocks(g);
  return (blocks.packed_b(g) + threads * blocks.packed_a(g)) * size;
}

template <class T>
void matmul_pack(const Launch& launch, const MatmulPackArgs& x) {
  constexpr std::int64_t kColumns = TileShape<T>::kColumns;
  MatmulArgs g{};
  g.n = x.n;
  g.k = x.k;
  g.b_row = x.b_row;
  g.b_col = x.b_col;
  parallel_chunks(ceil_div(x.n, kColumns), [&](std::int64_t panel, int) {
    pack_panel_of_b(g, static_cast<const T*>(x.b), panel,
                    static_cast<T*>(launch.workspace) + panel * x.k * kColumns);
  });
}

template <class T>
std::int64_t matmul_pack_workspace(const MatmulPackArgs& x, int) {
  constexpr std::int64_t kColumns = TileShape<T>::kColumns;
  return ceil_div(x.n, kColumns) * kColumns * x.k * static_cast<std::int64_t>(sizeof(T));
}

}  // namespace

RETORT_EXPORT_F32_F64(matmul, MatmulArgs)
RETORT_EXPORT_WORKSPACE_F32_F64(matmul, MatmulArgs)
RETORT_EXPORT_F32_F64(matmul_pack, MatmulPackArgs)
RETORT_EXPORT_WORKSPACE_F32_F64(matmul_pack, MatmulPackArgs)

#if !defined(RETORT_ISA_generic)
RETORT_EXPORT_AS(matmul, MatmulArgs, double, f64)
RETORT_EXPORT_WORKSPACE_AS(matmul, MatmulArgs, double, f64)
RETORT_EXPORT_AS(matmul_pack, MatmulPackArgs, double, f64)
RETORT_EXPORT_WORKSPACE_AS(matmul_pack, MatmulPackArgs, double, f64)
#endif

}  // namespace retort::isa::RETORT_ISA
