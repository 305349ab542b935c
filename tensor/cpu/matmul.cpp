// Matrix products: how the work is blocked, packed and split over threads.
//
// Large products pack B once into shared memory, then every task packs its own rows of A, block of
// p by block of p, and multiplies panels (the scheme of Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", ACM TOMS 2008). Products with few rows, and batches of
// small ones, read A in place and pack at most one panel of B at a time. All ways give the same
// bits (see matmul_tile.h), so the choice may depend on sizes and threads as it likes.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"
#include "tensor/cpu/matmul_tile.h"
#include "tensor/kernels.h"

namespace retort::isa::RETORT_ISA {
namespace {

constexpr std::int64_t kRowsPerTask = 256;  // a block of A: this times kDepth, in the L2 cache
constexpr std::int64_t kSharedElements = 1 << 22;  // packed B is at most about this large
constexpr std::int64_t kSharedDepth = 4096;        // and at most this deep
constexpr std::int64_t kInPlaceRows = 64;          // up to here packing A doesn't pay
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

/// The blocks of one large product.
template <class T>
struct SharedBlocks {
  using Shape = TileShape<T>;
  explicit SharedBlocks(const MatmulArgs& g) {
    depth = even_block(g.k, kSharedDepth, 8);
    columns = even_block(g.n, larger(kSharedElements / depth, Shape::kColumns), Shape::kColumns);
    rows = even_block(g.m, kRowsPerTask, Shape::kRows);
  }
  std::int64_t packed_b() const { return depth * columns; }
  static constexpr std::int64_t packed_a() { return kRowsPerTask * Shape::kDepth; }
  std::int64_t depth, columns;  // of the packed part of B
  std::int64_t rows;            // of a task, at most
};

/// Rows [0, m) and panels of one task of a large product; p runs over the packed part of B.
template <class T>
struct Block {
  const T* a;
  std::int64_t a_row, a_col;
  const T* packed_b;
  std::int64_t panel;  // elements of one packed panel
  T* c;
  std::int64_t c_row;
  const T* bias;
  std::int64_t m, n, k;
  bool load_c;
};

template <class T>
void multiply_block(const Block<T>& x, T* packed_a) {
  using Shape = TileShape<T>;
  const std::int64_t depth = even_block(x.k, Shape::kDepth, 8);
  for (std::int64_t p = 0; p < x.k; p += depth) {
    const std::int64_t k = smaller(depth, x.k - p);
    const std::int64_t a_panel = k * Shape::kRows;
    for (std::int64_t i = 0; i < x.m; i += Shape::kRows)
      pack_panel<T, Shape::kRows>(x.a + i * x.a_row + p * x.a_col, x.a_row, x.a_col,
                                  smaller(Shape::kRows, x.m - i), k, packed_a + i * k);
    TileArgs<T> t{};
    t.a = packed_a;
    t.k = k;
    t.c_row = x.c_row;
    t.load_c = x.load_c || p > 0;
    for (std::int64_t j = 0; j < x.n; j += Shape::kColumns) {
      t.b = x.packed_b + j / Shape::kColumns * x.panel + p * Shape::kColumns;
      t.c = x.c + j;
      t.bias = x.bias && p + k == x.k ? x.bias + j : nullptr;
      multiply_panel<T, true, true>(t, x.m, smaller(Shape::kColumns, x.n - j), a_panel);
    }
  }
}

/// One product of the batch, by blocks of B that are packed for all threads.
template <class T>
void multiply_shared(const MatmulArgs& g, const T* a, const T* b, T* c, T* workspace) {
  using Shape = TileShape<T>;
  const SharedBlocks<T> blocks(g);
  T* const packed_a = workspace + blocks.packed_b();
  const std::int64_t threads = thread_count();
  for (std::int64_t j0 = 0; j0 < g.n; j0 += blocks.columns) {
    const std::int64_t n = smaller(blocks.columns, g.n - j0);
    const std::int64_t panels = ceil_div(n, Shape::kColumns);
    for (std::int64_t p0 = 0; p0 < g.k; p0 += blocks.depth) {
      const std::int64_t k = smaller(blocks.depth, g.k - p0);
      const std::int64_t panel_size = k * Shape::kColumns;
      parallel_chunks(panels, [&](std::int64_t panel, int) {
        const std::int64_t j = panel * Shape::kColumns;
        pack_panel<T, Shape::kColumns>(b + (j0 + j) * g.b_col + p0 * g.b_row, g.b_col, g.b_row,
                                       smaller(Shape::kColumns, n - j), k,
                                       workspace + panel * panel_size);
      });
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
        x.a = a + i * g.a_row + p0 * g.a_col;
        x.a_row = g.a_row;
        x.a_col = g.a_col;
        x.packed_b = workspace + task % column_blocks * task_panels * panel_size;
        x.panel = panel_size;
        x.c = c + i * g.c_row + j0 + j;
        x.c_row = g.c_row;
        x.bias = g.bias && p0 + k == g.k ? static_cast<const T*>(g.bias) + j0 + j : nullptr;
        x.m = smaller(rows, g.m - i);
        x.n = smaller(task_panels * Shape::kColumns, n - j);
        x.k = k;
        x.load_c = g.accumulate || p0 > 0;
        multiply_block(x, packed_a + worker * SharedBlocks<T>::packed_a());
      });
    }
  }
}

/// Columns [j, j + n) of one product, A in place, B in place when its rows are contiguous and few
/// rows of A use them.
template <class T>
void multiply_column_panel(const MatmulArgs& g, const T* a, const T* b, T* c, const T* bias,
                           std::int64_t n, T* packed) {
  using Shape = TileShape<T>;
  const bool in_place = g.b_col == 1 && g.m <= 2 * Shape::kRows;
  const std::int64_t depth = even_block(g.k, Shape::kDepth, 8);
  std::int64_t p = 0;
  do {  // once even when k is 0: that writes zeros and the bias
    TileArgs<T> t{};
    t.k = smaller(depth, g.k - p);
    t.a = a + p * g.a_col;
    t.a_row = g.a_row;
    t.a_col = g.a_col;
    t.b = b + p * g.b_row;
    t.b_row = g.b_row;
    t.c = c;
    t.c_row = g.c_row;
    t.load_c = g.accumulate || p > 0;
    t.bias = p + t.k == g.k ? bias : nullptr;
    if (in_place) {
      multiply_panel<T, false, false>(t, g.m, n, 0);
    } else {
      pack_panel<T, Shape::kColumns>(t.b, g.b_col, g.b_row, n, t.k, packed);
      t.b = packed;
      multiply_panel<T, false, true>(t, g.m, n, 0);
    }
    p += depth;
  } while (p < g.k);
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
      const std::int64_t j = unit % panels * Shape::kColumns;
      multiply_column_panel(g, static_cast<const T*>(g.a) + index * g.a_batch,
                            static_cast<const T*>(g.b) + index * g.b_batch + j * g.b_col,
                            static_cast<T*>(g.c) + index * g.c_batch + j,
                            g.bias ? static_cast<const T*>(g.bias) + j : nullptr,
                            smaller(Shape::kColumns, g.n - j),
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
  return (SharedBlocks<T>(g).packed_b() + threads * SharedBlocks<T>::packed_a()) * size;
}

}  // namespace

RETORT_EXPORT_F32_F64(matmul, MatmulArgs)
RETORT_EXPORT_WORKSPACE_F32_F64(matmul, MatmulArgs)

}  // namespace retort::isa::RETORT_ISA
