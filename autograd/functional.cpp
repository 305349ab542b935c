#include "autograd/functional.h"

#include <unordered_set>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// An error if what f computed depends on a value that checkpoint() wasn't told of: its gradient
// would silently be lost. `known`: where the walk back from the outputs may end.
void check_told_of_all(const Variables& outputs, const Variables& known, std::uint64_t first) {
  std::unordered_set<const Node*> ends, seen;
  for (const Variable& variable : known) ends.insert(variable.node().get());
  std::vector<const Node*> found;
  const auto visit = [&](const std::shared_ptr<Node>& node) {
    if (!node || ends.contains(node.get()) || !seen.insert(node.get()).second) return;
    check(!node->leaf() && node->sequence >= first, "checkpoint: the function reads ",
          node->leaf() ? "a parameter" : std::string("a result of ") + node->name,
          " that it wasn't given; name it in `parameters`, or pass it as an input");
    found.push_back(node.get());
  };
  for (const Variable& output : outputs) visit(output.node());
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const Edge& edge : found[i]->inputs) visit(edge.node);
}

}  // namespace

Variables checkpoint(const std::function<Variables(const Variables&)>& f, const Variables& inputs,
                     const Variables& parameters) {
  for (const Variable& parameter : parameters)
    check(parameter.is_leaf() || !parameter.requires_grad(),
          "checkpoint: expected leaves as parameters, found a result of ",
          parameter.requires_grad() ? parameter.node()->name : "", "; pass it as an input");
  std::vector<Tensor> values;
  {
    const NoGrad off;
    Variables constants;
    for (const Variable& input : inputs) constants.push_back(input.detach());
    for (const Variable& output : f(constants)) values.push_back(output.value());
  }
  Variables all = inputs;
  all.insert(all.end(), parameters.begin(), parameters.end());
  std::vector<Saved> saved;
  for (const Variable& variable : all) saved.push_back(save(variable));
  return record_joint(
      "checkpoint", std::move(values), all,
      [f, saved, count = inputs.size()](const Variables& dys, const std::vector<bool>& needs) {
        const bool differentiable = recording();
        const Recording on;
        // f's own inputs: new nodes, so that the gradients are partial ones even where an input is
        // a function of a parameter.
        const std::uint64_t first = next_sequence();
        Variables fresh, known, wanted;
        for (std::size_t i = 0; i < saved.size(); ++i) {
          const Variable& variable = saved[i]();
          Variable given = variable;
          if (i < count && needs[i])
            given = differentiable ? alias(variable) : Variable::parameter(variable.value());
          else if (i < count) given = variable.detach();
          if (i < count) fresh.push_back(given);
          if (given.requires_grad()) known.push_back(given);
          if (needs[i]) wanted.push_back(given);
        }
        Variables outputs, seeds;
        const Variables again = f(fresh);
        for (std::size_t i = 0; i < again.size(); ++i)
          if (dys[i].defined() && again[i].requires_grad()) {
            outputs.push_back(again[i]);
            seeds.push_back(dys[i]);
          }
        check_told_of_all(outputs, known, first);
        const Variables gradients =
            grad(outputs, wanted, seeds, {.create_graph = differentiable, .stop_at_inputs = true});
        Variables result(needs.size());
        for (std::size_t i = 0, next = 0; i < needs.size(); ++i)
          if (needs[i]) result[i] = gradients[next++];
        return result;
      });
}

std::vector<Tensor> hessian_vector_product(const std::function<Variable(const Variables&)>& f,
                                           const std::vector<Tensor>& x,
                                           const std::vector<Tensor>& v) {
  check(x.size() == v.size(), "hessian_vector_product: expected a vector per input, found ",
        v.size(), " for ", x.size());
  const Recording on;
  Variables leaves;
  for (const Tensor& input : x) leaves.push_back(Variable::parameter(input));
  const Variables gradients = grad({f(leaves)}, leaves, {}, {.create_graph = true});
  Variables used, seeds;  // a gradient that is constant has no derivative
  for (std::size_t i = 0; i < x.size(); ++i) {
    check(v[i].shape() == x[i].shape(), "hessian_vector_product: expected a vector of shape ",
          x[i].shape(), ", found ", v[i].shape());
    if (!gradients[i].requires_grad()) continue;
    used.push_back(gradients[i]);
    seeds.emplace_back(v[i]);
  }
  std::vector<Tensor> products;
  for (const Variable& product : grad(used, leaves, seeds)) products.push_back(product.value());
  return products;
}

Tensor jacobian(const std::function<Variable(const Variable&)>& f, const Tensor& x) {
  const Recording on;
  const Variable leaf = Variable::parameter(x);
  const Variable y = f(leaf);
  const std::int64_t rows = y.value().count();
  Tensor result = Tensor::zeros({rows, x.count()}, x.dtype());
  if (!y.requires_grad()) return result;
  for (std::int64_t row = 0; row < rows; ++row) {
    Tensor seed = Tensor::zeros({rows}, y.dtype()), one = seed.slice(0, row, row + 1);
    ops::fill(one, 1);
    const Variable dx = grad({y}, {leaf}, {seed.reshape(y.shape())}, {.retain_graph = true})[0];
    result.slice(0, row, row + 1).copy_from(dx.value().reshape({1, x.count()}));
  }
  return result;
}

}  // namespace retort
