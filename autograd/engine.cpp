// The backward pass.
//
// Nodes wait in a heap and the newest is taken first: creation order is a topological order, so when a
// node is taken all of its consumers have been. No recursion, whatever the depth of the graph.
#include <algorithm>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// The node whose vjp is running on this thread; SavedOutput asks for it.
thread_local const std::shared_ptr<Node>* t_current = nullptr;

struct CurrentNode {
  explicit CurrentNode(const std::shared_ptr<Node>& node) : before(t_current) { t_current = &node; }
  ~CurrentNode() { t_current = before; }
  const std::shared_ptr<Node>* before;
};

struct Older {
  bool operator()(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) const {
    return a->sequence < b->sequence;
  }
};

// into += gradient. In place where nobody else can see the memory and nobody will differentiate it.
void accumulate(Variable& into, Variable gradient) {
  if (!into.defined()) {
    into = std::move(gradient);
    return;
  }
  if (!recording() && into.value().storage().use_count() == 1 && into.value().is_contiguous() &&
      !into.value().storage()->read_only) {
    Tensor sum = into.value();
    ops::add_to(sum, gradient.value());
  } else {
    into = add(into, gradient);
  }
}

// Where gradients of particular values are wanted (grad()), rather than those of all leaves.
struct Targets {
  std::unordered_map<const Node*, std::vector<std::pair<int, Variable*>>> captures;
  std::unordered_set<const Node*> needed;  // nodes with a target among their ancestors

  bool wants(const Edge& edge) const {
    return edge.node && (needed.count(edge.node.get()) > 0 || captures.count(edge.node.get()) > 0);
  }
};

// Marks the nodes through which a target can be reached, oldest first.
void find_needed(const Variables& outputs, Targets& targets) {
  std::vector<const Node*> found;
  std::unordered_set<const Node*> seen;
  const auto visit = [&](const std::shared_ptr<Node>& node) {
    if (node && seen.insert(node.get()).second) found.push_back(node.get());
  };
  for (const Variable& output : outputs) visit(output.node());
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const Edge& edge : found[i]->inputs) visit(edge.node);
  std::sort(found.begin(), found.end(),
            [](const Node* a, const Node* b) { return a->sequence < b->sequence; });
  for (const Node* node : found)
    for (const Edge& edge : node->inputs)
      if (targets.wants(edge)) {
        targets.needed.insert(node);
        break;
      }
}

void run(const Variables& outputs, const Variables& seeds, Targets* targets, bool retain_graph) {
  std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, Older> ready;
  std::unordered_map<const Node*, Variables> gradients;  // of the outputs of nodes in `ready`
  const auto receive = [&](const std::shared_ptr<Node>& node, int output, Variable gradient) {
    auto [slot, is_new] = gradients.try_emplace(node.get());
    if (is_new) {
      slot->second.resize(static_cast<std::size_t>(node->outputs));
      ready.push(node);
    }
    accumulate(slot->second[static_cast<std::size_t>(output)], std::move(gradient));
  };
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].node()) receive(outputs[i].node(), outputs[i].output_index(), seeds[i]);

  while (!ready.empty()) {
    const std::shared_ptr<Node> node = ready.top();
    ready.pop();
    const auto entry = gradients.find(node.get());
    Variables dys = std::move(entry->second);
    gradients.erase(entry);
    if (targets) {
      if (const auto capture = targets->captures.find(node.get()); capture != targets->captures.end())
        for (const auto& [output, place] : capture->second)
          *place = dys[static_cast<std::size_t>(output)];
      if (targets->needed.count(node.get()) == 0) continue;
    }
    if (node->leaf) {
      if (!targets) accumulate(node->gradient, std::move(dys[0]));
      continue;
    }
    check(static_cast<bool>(node->vjp), "backward: the graph of ", node->name,
          " has been used and freed; pass retain_graph the first time");
    std::vector<bool> needs;
    for (const Edge& edge : node->inputs)
      needs.push_back(edge.node && (!targets || targets->wants(edge)));
    Variables results;
    {
      const CurrentNode current(node);
      results = node->vjp(dys, needs);
    }
    check(results.size() == node->inputs.size(), "backward: the derivative of ", node->name,
          " gave another number of gradients than there are inputs");
    dys.clear();
    if (!retain_graph) node->vjp = nullptr;  // frees what it had saved
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!needs[i] || !results[i].defined()) continue;
      receive(node->inputs[i].node, node->inputs[i].output,
              sum_to(results[i], node->input_shapes[i]));  // undoes broadcasting
    }
  }
}

Variables default_seeds(const Variables& outputs, Variables seeds) {
  seeds.resize(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& value = outputs[i].value();
    if (!seeds[i].defined()) {
      check(value.count() == 1, "backward: a seed is needed for an output of shape ", value.shape(),
            "; only a single number has one by itself");
      seeds[i] = Tensor::full(value.shape(), 1, value.dtype());
    }
    check(seeds[i].shape() == value.shape(), "backward: expected a seed of shape ", value.shape(),
          ", found ", seeds[i].shape());
  }
  return seeds;
}

}  // namespace

SavedOutput::SavedOutput(Tensor value, int output)
    : value_(std::move(value)), output_(output), version_(value_.storage()->version) {}

const Tensor& SavedOutput::value() const {
  check(value_.storage()->version == version_, "autograd: a result of shape ", value_.shape(),
        " that its own derivative needs was written in place; write to a copy");
  return value_;
}

Variable SavedOutput::operator()() const {
  check(t_current != nullptr, "autograd: a saved output was read outside of its derivative");
  return {value(), *t_current, output_};
}

void backward(const Variable& loss, const Variable& seed, bool retain_graph) {
  check(loss.requires_grad(), "backward: the loss doesn't depend on any parameter");
  const NoGrad off;
  run({loss}, default_seeds({loss}, {seed}), nullptr, retain_graph);
}

Variables grad(const Variables& outputs, const Variables& inputs, const Variables& seeds,
               GradOptions options) {
  Variables result(inputs.size());
  Targets targets;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check(inputs[i].requires_grad(), "grad: input ", i, " is a constant");
    targets.captures[inputs[i].node().get()].emplace_back(inputs[i].output_index(), &result[i]);
  }
  find_needed(outputs, targets);
  const Variables complete = default_seeds(outputs, seeds);
  if (options.create_graph) {
    run(outputs, complete, &targets, true);
  } else {
    const NoGrad off;
    run(outputs, complete, &targets, options.retain_graph);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!result[i].defined()) result[i] = Tensor::zeros(inputs[i].shape(), inputs[i].dtype());
  return result;
}

}  // namespace retort
