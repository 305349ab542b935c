// Some rows of a matrix that is zero elsewhere: what an embedding's gradient is. A batch touches a
// few hundred rows of a vocabulary of tens of thousands; the rest is neither stored, nor added, nor
// read.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace retort {

struct RowSparse {
  Tensor ids;   ///< i32 [n], ascending, each once
  Tensor rows;  ///< [n, columns], in the type that is computed in
  std::int64_t table_rows = 0;

  Shape shape() const { return {table_rows, rows.size(1)}; }
};

namespace ops {

/// rows ([n, columns]) added up by id; ids: i32 [n] in any order, an error outside of
/// [0, table_rows). Rows with one id are added in ascending order, as in a matrix of zeros.
RowSparse row_sparse(const Tensor& rows, const Tensor& ids, std::int64_t table_rows);
/// a + b; the rows that both have are added.
RowSparse add(const RowSparse& a, const RowSparse& b);
/// y += x in place.
void add_to(Tensor& y, const RowSparse& x);
/// The whole matrix.
Tensor dense(const RowSparse& x);

}  // namespace ops
}  // namespace retort
