// Products and softmax per sequence, on flat blocks of [heads, queries, keys].
#include "tensor/cpu/attention_products.h"
#include "tensor/cpu/export.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// Calls f(piece, head, worker) for every piece of queries and head, in parallel.
template <class F>
RETORT_INLINE void for_block_rows(const RaggedBlocksArgs& blocks, F&& f) {
  const QueryPieces pieces{blocks.query_offsets, blocks.sequences};
  parallel_ranges(pieces.slots() * blocks.heads, 1,
                  [&](std::int64_t from, std::int64_t to, int worker) {
                    for (std::int64_t task = from; task < to; ++task) {
                      const QueryPiece piece = pieces[task / blocks.heads];
                      if (piece.rows > 0) f(piece, task % blocks.heads, worker);
                    }
                  });
}

/// Where query `query` of a sequence and head has its row of keys.
RETORT_INLINE std::int64_t block_row(const RaggedBlocksArgs& blocks, std::int64_t sequence,
                                     std::int64_t head, std::int64_t query) {
  const std::int64_t queries = blocks.query_offsets[sequence + 1] - blocks.query_offsets[sequence];
  return blocks.block_offsets[sequence] + (head * queries + query) * blocks.key_length[sequence];
}

template <class T>
std::int64_t ragged_matmul_workspace(const RaggedMatmulArgs&, int threads) {
  return threads * panel_elements<T>() * static_cast<std::int64_t>(sizeof(T));
}

/// Products of blocks with rows: [queries, keys] each.
template <class T>
void multiply_block(const RaggedMatmulArgs& args, const QueryPiece& piece, std::int64_t head,
                    T* panel) {
  const RaggedBlocksArgs& blocks = args.blocks;
  const std::int64_t s = piece.sequence, keys = blocks.key_length[s], column = head * args.head_dim;
  const std::int64_t row = blocks.query_offsets[s] + piece.begin;
  const std::int64_t at = block_row(blocks, s, head, piece.begin);
  const T* const a = static_cast<const T*>(args.a);
  const T* const b = static_cast<const T*>(args.b) + blocks.key_begin[s] * args.b_row + column;
  T* const y = static_cast<T*>(args.y);
  if (args.product == RaggedProduct::products) {
    multiply_by_rows(a + row * args.a_row + column, args.a_row, piece.rows, b, args.b_row, keys,
                     args.head_dim, y + at, keys, panel);
  } else {
    T* const out = y + row * args.y_row + column;
    if (keys == 0) zero_rows(out, args.y_row, piece.rows, args.head_dim);
    multiply_by_columns(a + at, keys, 1, piece.rows, b, args.b_row, args.head_dim, keys, out,
                        args.y_row, false, panel);
  }
}

template <class T>
void ragged_matmul(const Launch& launch, const RaggedMatmulArgs& args) {
  T* const memory = static_cast<T*>(launch.workspace);
  const auto panel = [&](int worker) { return memory + worker * panel_elements<T>(); };
  const RaggedBlocksArgs& blocks = args.blocks;
  if (args.product != RaggedProduct::apply_transposed) {
    for_block_rows(blocks, [&](const QueryPiece& piece, std::int64_t head, int worker) {
      multiply_block(args, piece, head, panel(worker));
    });
    return;
  }
  parallel_ranges(
      args.groups * blocks.heads, 1, [&](std::int64_t from, std::int64_t to, int worker) {
        for (std::int64_t task = from; task < to; ++task) {
          const std::int64_t group = task / blocks.heads, head = task % blocks.heads;
          for (std::int32_t i = args.group_offsets[group]; i < args.group_offsets[group + 1]; ++i) {
            const std::int64_t s = args.group_sequences[i], keys = blocks.key_length[s];
            const std::int64_t row = blocks.query_offsets[s];
            const std::int64_t queries = blocks.query_offsets[s + 1] - row;
            const std::int64_t column = head * args.head_dim;
            multiply_by_columns(static_cast<const T*>(args.a) + block_row(blocks, s, head, 0), 1,
                                keys, keys,
                                static_cast<const T*>(args.b) + row * args.b_row + column,
                                args.b_row, args.head_dim, queries,
                                static_cast<T*>(args.y) + blocks.key_begin[s] * args.y_row + column,
                                args.y_row, true, panel(worker));
          }
        }
      });
}

template <class T>
RETORT_INLINE void softmax_row(const T* x, T* y, std::int64_t n) {
  using V = Vec<T>;
  const T most = largest(x, n);
  if (most == -static_cast<T>(__builtin_inf())) return fill(y, n, T(0));
  const V highest = broadcast<V>(most);
  const double total = sum<T>(n, [&](std::int64_t i, auto lanes) {
    const V e = exp(load(x + i, lanes) - highest);
    store(y + i, e, lanes);
    return e;
  });
  const V factor = broadcast<V>(static_cast<T>(1 / total));
  sweep<T>(n,
           [&](std::int64_t i, auto lanes) { store(y + i, load(y + i, lanes) * factor, lanes); });
}

template <class T>
void ragged_softmax(const Launch&, const RaggedSoftmaxArgs& args) {
  for_block_rows(args.blocks, [&](const QueryPiece& piece, std::int64_t head, int) {
    const std::int64_t keys = args.blocks.key_length[piece.sequence];
    for (std::int64_t i = 0; i < piece.rows; ++i) {
      const std::int64_t at = block_row(args.blocks, piece.sequence, head, piece.begin + i);
      softmax_row(static_cast<const T*>(args.x) + at, static_cast<T*>(args.y) + at, keys);
    }
  });
}

template <class T>
void ragged_softmax_backward(const Launch&, const RaggedSoftmaxBackwardArgs& args) {
  using V = Vec<T>;
  for_block_rows(args.blocks, [&](const QueryPiece& piece, std::int64_t head, int) {
    const std::int64_t keys = args.blocks.key_length[piece.sequence];
    for (std::int64_t i = 0; i < piece.rows; ++i) {
      const std::int64_t at = block_row(args.blocks, piece.sequence, head, piece.begin + i);
      const T* const dy = static_cast<const T*>(args.dy) + at;
      const T* const y = static_cast<const T*>(args.y) + at;
      T* const dx = static_cast<T*>(args.dx) + at;
      const V dot = broadcast<V>(static_cast<T>(sum<T>(keys, [&](std::int64_t j, auto lanes) {
        return load(dy + j, lanes) * load(y + j, lanes);
      })));
      sweep<T>(keys, [&](std::int64_t j, auto lanes) {
        store(dx + j, load(y + j, lanes) * (load(dy + j, lanes) - dot), lanes);
      });
    }
  });
}

}  // namespace

RETORT_EXPORT_F32_F64(ragged_matmul, RaggedMatmulArgs)
RETORT_EXPORT_WORKSPACE_F32_F64(ragged_matmul, RaggedMatmulArgs)
RETORT_EXPORT_F32_F64(ragged_softmax, RaggedSoftmaxArgs)
RETORT_EXPORT_F32_F64(ragged_softmax_backward, RaggedSoftmaxBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
