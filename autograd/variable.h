// Variable: a Tensor and where it came from.
//
// Define-by-run: every operation in autograd/ops.h records a Node with the derivative of what it just
// did, and backward() walks the nodes from a loss to the leaves (autograd/engine.cpp tells how). A
// Variable without a node is a constant. A frozen model is a model whose parameters are constants, or
// one that runs under NoGrad: bare tensors, nothing recorded, nothing saved.
//
// A graph belongs to the thread that works on it: threads may build and differentiate graphs of their
// own at the same time, with constants in common, but not collect gradients in one leaf.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/anomaly.h"
#include "tensor/tensor.h"

namespace retort {

struct Node;
struct RowSparse;
class LeafGradient;

class Variable {
 public:
  Variable() = default;
  /// A constant.
  Variable(Tensor value) : value_(std::move(value)) {}
  /// A leaf that collects a gradient: what optimisers update.
  static Variable parameter(Tensor value);

  bool defined() const { return value_.defined(); }
  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  std::int64_t size(int dim) const { return value_.size(dim); }
  int rank() const { return value_.rank(); }
  DType dtype() const { return value_.dtype(); }
  double item() const { return value_.item(); }

  bool requires_grad() const { return node_ != nullptr; }
  bool is_leaf() const;
  /// What backward() has collected in this leaf, in full; undefined before the first time.
  Variable gradient() const;
  /// The same as the few rows that it consists of (an embedding's); null if it isn't row-sparse.
  const RowSparse* gradient_rows() const;
  /// Forgets the gradient, so that the next backward pass starts afresh.
  void clear_gradient();
  /// Calls hook(gradient) in every backward pass once this value's gradient is complete, before
  /// anything uses it. A defined result takes its place (same shape); for a leaf that is what this
  /// pass adds. Hooks run in the order they were added. A hook that holds its own variable keeps the
  /// graph alive until it is removed. Returns a number for remove_hook().
  std::uint64_t add_hook(std::function<Variable(const Variable&)> hook);
  void remove_hook(std::uint64_t number);
  /// The same value as a constant.
  Variable detach() const { return Variable(value_); }
  /// The value, for in-place writers (optimiser steps): leaves only.
  Tensor& leaf_value();

  const std::shared_ptr<Node>& node() const { return node_; }
  int output_index() const { return output_; }
  Variable(Tensor value, std::shared_ptr<Node> node, int output)
      : value_(std::move(value)), node_(std::move(node)), output_(output) {}

 private:
  Tensor value_;
  std::shared_ptr<Node> node_;
  int output_ = 0;
};

using Variables = std::vector<Variable>;
/// Gradients of a node's inputs from those of its outputs. Any dy may be undefined (zero); needs[i]
/// says whether input i wants one; an undefined result is zero.
using Vjp = std::function<Variables(const Variables& dys, const std::vector<bool>& needs)>;

/// Whether operations are being recorded on this thread.
bool recording();

/// Nothing is recorded on this thread while one of these lives.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

/// Turns recording on again inside a NoGrad.
class Recording {
 public:
  Recording();
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  bool before_;
};

/// Adds d(loss)/d(leaf) to the gradient of every leaf that `loss` (one element) depends on, or
/// d(Σ seed·loss) when a seed is given. The graph is freed as it is used unless it is retained.
void backward(const Variable& loss, const Variable& seed = {}, bool retain_graph = false);

struct GradOptions {
  bool create_graph = false;  ///< the results can be differentiated again (retains the graph)
  bool retain_graph = false;
  /// Takes the inputs for independent of each other: what flows into one of them stops there, even
  /// where it was computed from another one. Their hooks don't run: the gradient is a partial one.
  bool stop_at_inputs = false;
};
/// d(Σ seeds·outputs)/d(inputs), without touching any leaf's gradient. An input that the outputs
/// don't depend on gets zeros. seeds may be empty when every output has one element.
Variables grad(const Variables& outputs, const Variables& inputs, const Variables& seeds = {},
               GradOptions options = {});

/// backward() one derivative at a time, for those who want to watch it:
///     for (BackwardSteps steps(loss); steps.next();) show(steps.name(), steps.incoming(), …);
/// Every gradient passes through here, none is added to a leaf behind the scenes.
class BackwardSteps {
 public:
  /// As backward(); nothing runs before the first next().
  explicit BackwardSteps(const Variable& loss, const Variable& seed = {}, bool retain_graph = false);
  ~BackwardSteps();
  /// Takes the newest node whose gradient is complete; false when there is none left.
  bool next();
  /// The operation's name; "leaf" when a leaf takes its gradient.
  const char* name() const;
  /// Gradients of the node's outputs; undefined ones are zero.
  const Variables& incoming() const;
  /// Gradients of its inputs; undefined where none is wanted. Empty for a leaf.
  const Variables& outgoing() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// For authors of operations --------------------------------------------------------------------

/// A value that a derivative will need. Reading it back checks that nobody has written to it since.
class Saved {
 public:
  Saved() = default;
  explicit Saved(const Variable& variable);
  /// As a Variable that can be differentiated again.
  const Variable& operator()() const;
  const Tensor& value() const { return (*this)().value(); }

 private:
  Variable variable_;
  std::uint64_t version_ = 0;
};
inline Saved save(const Variable& variable) { return Saved(variable); }

/// A saved output of the node itself: holds the tensor only, and becomes a Variable of the node while
/// that node's derivative runs (a strong reference would be a cycle).
class SavedOutput {
 public:
  explicit SavedOutput(Tensor value, int output = 0);
  Variable operator()() const;
  const Tensor& value() const;

 private:
  Tensor value_;
  int output_;
  std::uint64_t version_;
};

/// A leaf to whose gradient a derivative may add its part itself, so that a weight's gradient adds
/// up inside the product that makes it, and an embedding's as the few rows that it has.
class Destination {
 public:
  /// Nowhere if `leaf` isn't one.
  explicit Destination(const Variable& leaf);
  /// Where to add; the derivative then returns an undefined Variable. Null when the gradient itself
  /// is wanted (grad(), hooks, stepping, anomaly detection): the derivative returns it as usual.
  LeafGradient* gradient() const;

 private:
  std::shared_ptr<Node> leaf_;
};

/// Records an operation with several outputs or one derivative for all inputs.
Variables record_joint(const char* name, std::vector<Tensor> outputs, const Variables& inputs, Vjp vjp);

/// The derivative with respect to one argument: f(dy) gives that argument's gradient.
template <class F>
struct Wrt {
  const Variable& argument;
  F derivative;
};
template <class F>
Wrt<F> wrt(const Variable& argument, F derivative) {
  return {argument, std::move(derivative)};
}

/// Records an operation with one output. A derivative whose argument needs no gradient is dropped at
/// once, with whatever it had saved.
template <class... F>
Variable record(const char* name, Tensor value, Wrt<F>... arguments) {
  using One = std::function<Variable(const Variable&)>;
  if (!recording() || !(arguments.argument.requires_grad() || ...)) {
    if (detecting_anomalies()) check_made_by(name, value, {&arguments.argument.value()...});
    return value;
  }
  std::vector<One> derivatives;
  (derivatives.push_back(arguments.argument.requires_grad() ? One(std::move(arguments.derivative)) : One()),
   ...);
  return record_joint(name, {std::move(value)}, {arguments.argument...},
                      [derivatives = std::move(derivatives)](const Variables& dys,
                                                             const std::vector<bool>& needs) {
                        Variables gradients(derivatives.size());
                        for (std::size_t i = 0; i < derivatives.size(); ++i)
                          if (needs[i]) gradients[i] = derivatives[i](dys[0]);
                        return gradients;
                      })[0];
}

/// The vjp of a fused operation through its `reference`, a composition of plain operations: what a
/// fused op uses when its derivative has to be differentiable itself.
Variables reference_vjp(const std::function<Variables(const Variables&)>& reference,
                        const Variables& inputs, const Variables& dys,
                        const std::vector<bool>& needs);

}  // namespace retort
