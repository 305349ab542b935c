// What the engine knows of one recorded operation.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "autograd/variable.h"
#include "tensor/row_sparse.h"

namespace retort {

struct Edge {
  std::shared_ptr<Node> node;  // null: a constant
  int output = 0;
};

/// What a leaf has collected: nothing yet, some rows, or all of it. Rows stay rows until something
/// dense is added.
class LeafGradient {
 public:
  LeafGradient(const Shape& shape, DType dtype) : shape_(shape), dtype_(dtype) {}

  bool defined() const { return dense_.defined() || rows_; }
  DType dtype() const { return dtype_; }
  /// Null unless the gradient is row-sparse.
  const RowSparse* rows() const { return rows_ ? &*rows_ : nullptr; }
  /// In full; undefined when nothing has been collected.
  Tensor dense() const { return rows_ ? ops::dense(*rows_).to(dtype_) : dense_; }
  void clear();

  void add(Tensor more);
  void add(RowSparse more);
  /// Calls write(buffer, accumulate), which adds to the buffer, or overwrites it when `accumulate`
  /// is false: nothing has been collected then, and the buffer holds no zeros either.
  template <class F>
  void write(F&& write) {
    if (!defined()) {
      Tensor fresh = Tensor::empty(shape_, dtype_);
      write(fresh, false);
      dense_ = std::move(fresh);
    } else {
      make_writable();
      write(dense_, true);
    }
  }

 private:
  void make_writable();
  Shape shape_;
  DType dtype_;
  Tensor dense_;
  std::optional<RowSparse> rows_;
};

struct Hook {
  std::uint64_t number;
  int output;
  std::function<Variable(const Variable&)> call;
};

struct Node {
  const char* name = "";
  std::uint64_t sequence = 0;  // creation order, which is a topological order
  std::vector<Edge> inputs;
  std::vector<Shape> input_shapes;
  int outputs = 1;
  Vjp vjp;  // empty for a leaf, and once used
  std::vector<Hook> hooks;
  std::unique_ptr<LeafGradient> gradient;  // leaves only

  bool leaf() const { return gradient != nullptr; }
};

/// The sequence of the next node of any thread: older ones have a smaller one.
std::uint64_t next_sequence();

}  // namespace retort
