// Table look-ups and dropout, and their derivatives.
#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {

Variable embedding(const Variable& table, const Tensor& ids) {
  return record("embedding", ops::embedding(table.value(), ids),
      wrt(table, [ids, rows = table.size(0), into = Destination(table)](const Variable& dy) {
        LeafGradient* gradient = into.gradient();
        if (!gradient) return scatter_rows(dy, ids, rows);
        gradient->add(ops::row_sparse(dy.value(), ids, rows));
        return Variable();
      }));
}

Variable scatter_rows(const Variable& x, const Tensor& ids, std::int64_t table_rows) {
  return record("scatter_rows", ops::embedding_backward(x.value(), ids, table_rows),
      wrt(x, [ids](const Variable& dy) { return embedding(dy, ids); }));
}

Variable dropout(const Variable& x, const DropoutRule& rule, const Variable& residual) {
  if (rule.drop_below == 0) return residual.defined() ? add(x, residual) : x;
  Tensor y = ops::dropout(x.value(), residual.value(), rule);
  const auto dx = [rule](const Variable& dy) { return dropout(dy, rule); };
  if (!residual.defined()) return record("dropout", std::move(y), wrt(x, dx));
  return record("dropout", std::move(y), wrt(x, dx),
      wrt(residual, [](const Variable& dy) { return dy; }));
}

}  // namespace retort
