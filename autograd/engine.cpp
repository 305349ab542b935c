// The backward pass.
//
// Recording has left a node per operation, which knows the nodes that its inputs came from.
// backward() walks them from the loss to the leaves:
//   1. The loss's node receives the seed, a 1, and waits in a heap.
//   2. The newest waiting node is taken. Whatever consumed a node's results is newer than the node,
//      so all of it has been, and the gradients of those results are complete.
//   3. The node's vjp makes of them the gradients of its inputs. Each is added to what the node it
//      came from has received so far, and that node waits, too.
//   4. A leaf keeps what it has received.
// No recursion and no marks on nodes, whatever the depth of the graph. grad() is the same walk, but
// goes only through nodes that lead to the inputs it was asked for, and hands their gradients out.
#include <algorithm>
#include <optional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// The derivative that is running on this thread.
struct Running {
  const std::shared_ptr<Node>* node;
  bool into_leaves;  // whether it may add to a leaf's gradient itself (see Destination)
};
thread_local const Running* t_running = nullptr;

struct RunningScope {
  explicit RunningScope(const Running& running) : before(t_running) { t_running = &running; }
  ~RunningScope() { t_running = before; }
  const Running* before;
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
  std::unordered_set<const Node*> needed;  // nodes to go through: a target is among their ancestors
  bool stop_at_inputs = false;

  bool captured(const Node* node) const { return captures.count(node) > 0; }
  bool wants(const Edge& edge) const {
    return edge.node && (needed.count(edge.node.get()) > 0 || captured(edge.node.get()));
  }
};

// Fills in targets.needed: from the outputs back, then from the oldest node forward.
void find_needed(const Variables& outputs, Targets& targets) {
  std::vector<const Node*> found;
  std::unordered_set<const Node*> seen;
  const auto visit = [&](const std::shared_ptr<Node>& node) {
    if (!node || !seen.insert(node.get()).second) return;
    if (!(targets.stop_at_inputs && targets.captured(node.get()))) found.push_back(node.get());
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

// One pass from outputs to leaves or targets, a node at a time.
class Pass {
 public:
  struct Options {
    const Targets* targets = nullptr;  // null: every leaf collects its gradient
    bool retain_graph = false;
    bool watched = false;  // keeps what step() worked on, and no derivative adds to a leaf itself
  };

  Pass(const Variables& outputs, const Variables& seeds, Options options) : options_(options) {
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].node()) receive(outputs[i].node(), outputs[i].output_index(), seeds[i]);
  }

  // What step() is working on, and has worked on where the pass is watched.
  std::shared_ptr<Node> node;
  Variables incoming, outgoing;

  // Takes the newest node: all of its consumers have been, so its gradient is complete. False when
  // there is none left.
  bool step() {
    incoming.clear();
    outgoing.clear();
    if (ready_.empty()) return false;
    node = ready_.top();
    ready_.pop();
    const auto entry = gradients_.find(node.get());
    incoming = std::move(entry->second);
    gradients_.erase(entry);
    // A partial gradient (see GradOptions) isn't the one that hooks are to see.
    if (!(options_.targets && options_.targets->stop_at_inputs &&
          options_.targets->captured(node.get())))
      run_hooks();
    if (options_.targets && capture()) return true;
    if (!node->leaf()) differentiate();
    else if (!options_.targets && incoming[0].defined()) node->gradient->add(incoming[0].value());
    return true;
  }

 private:
  // Adds to the gradient of a node's output; the node waits until its turn comes.
  void receive(const std::shared_ptr<Node>& to, int output, Variable gradient) {
    auto [slot, is_new] = gradients_.try_emplace(to.get());
    if (is_new) {
      slot->second.resize(static_cast<std::size_t>(to->outputs));
      ready_.push(to);
    }
    accumulate(slot->second[static_cast<std::size_t>(output)], std::move(gradient));
  }

  void run_hooks() {
    const std::vector<Hook> hooks = node->hooks;  // a hook may remove itself
    for (const Hook& hook : hooks) {
      Variable& gradient = incoming[static_cast<std::size_t>(hook.output)];
      if (!gradient.defined()) continue;
      const Variable replaced = hook.call(gradient);
      if (!replaced.defined()) continue;
      check(replaced.shape() == gradient.shape(), "hook: the gradient of a result of ", node->name,
            " has the shape ", gradient.shape(), ", the hook gave ", replaced.shape());
      gradient = replaced;
    }
  }

  // Hands out what grad() was asked for; true if the pass need not go through this node.
  bool capture() {
    const auto found = options_.targets->captures.find(node.get());
    if (found != options_.targets->captures.end())
      for (const auto& [output, place] : found->second)
        *place = incoming[static_cast<std::size_t>(output)];
    return options_.targets->needed.count(node.get()) == 0;
  }

  void differentiate() {
    check(static_cast<bool>(node->vjp), "backward: the graph of ", node->name,
          " has been used and freed; pass retain_graph the first time");
    std::vector<bool> needs;
    for (const Edge& edge : node->inputs)
      needs.push_back(edge.node && (!options_.targets || options_.targets->wants(edge)));
    const bool looking = detecting_anomalies();
    Variables results;
    {
      const Running running{&node, !options_.targets && !options_.watched && !looking};
      const RunningScope scope(running);
      const DetectAnomalies off(Anomaly::none);  // the derivative is blamed, not a step of it
      results = node->vjp(incoming, needs);
    }
    check(results.size() == node->inputs.size(), "backward: the derivative of ", node->name,
          " gave another number of gradients than there are inputs");
    if (!options_.watched) incoming.clear();
    if (!options_.retain_graph) node->vjp = nullptr;  // frees what it had saved
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!needs[i]) results[i] = {};
      if (!results[i].defined()) continue;
      if (looking) check_gradient_made_by(node->name, results[i].value(), i);
      results[i] = sum_to(results[i], node->input_shapes[i]);  // undoes broadcasting
    }
    if (options_.watched) outgoing = results;
    for (std::size_t i = 0; i < results.size(); ++i)
      if (results[i].defined())
        receive(node->inputs[i].node, node->inputs[i].output, std::move(results[i]));
  }

  Options options_;
  std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, Older> ready_;
  std::unordered_map<const Node*, Variables> gradients_;  // of the outputs of nodes in ready_
};

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

const char* running_name() { return t_running ? (*t_running->node)->name : "somebody"; }

}  // namespace

const Variable& Saved::operator()() const {
  if (variable_.defined())
    check(variable_.value().storage()->version == version_, "autograd: ", running_name(),
          " saved a value of shape ", variable_.shape(),
          variable_.node() ? std::string(", made by ") + variable_.node()->name + "," : "",
          " for its derivative, and it was written in place since; call backward() before the "
          "write, or "
          "write to a copy");
  return variable_;
}

SavedOutput::SavedOutput(Tensor value, int output)
    : value_(std::move(value)), output_(output), version_(value_.storage()->version) {}

const Tensor& SavedOutput::value() const {
  check(value_.storage()->version == version_, "autograd: ", running_name(),
        " saved its result of shape ", value_.shape(),
        " for its derivative, and it was written in place since; write to a copy");
  return value_;
}

Variable SavedOutput::operator()() const {
  check(t_running != nullptr, "autograd: a saved output was read outside of its derivative");
  return {value(), *t_running->node, output_};
}

Destination::Destination(const Variable& leaf) {
  if (leaf.is_leaf()) leaf_ = leaf.node();
}

LeafGradient* Destination::gradient() const {
  const bool open = leaf_ && t_running && t_running->into_leaves && leaf_->hooks.empty();
  return open ? leaf_->gradient.get() : nullptr;
}

void backward(const Variable& loss, const Variable& seed, bool retain_graph) {
  check(loss.requires_grad(), "backward: the loss doesn't depend on any parameter");
  const NoGrad off;
  Pass pass({loss}, default_seeds({loss}, {seed}), {.retain_graph = retain_graph});
  while (pass.step()) {
  }
}

Variables grad(const Variables& outputs, const Variables& inputs, const Variables& seeds,
               GradOptions options) {
  Variables result(inputs.size());
  Targets targets;
  targets.stop_at_inputs = options.stop_at_inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check(inputs[i].requires_grad(), "grad: input ", i, " is a constant");
    targets.captures[inputs[i].node().get()].emplace_back(inputs[i].output_index(), &result[i]);
  }
  find_needed(outputs, targets);
  const Variables complete = default_seeds(outputs, seeds);
  {
    std::optional<NoGrad> off;
    if (!options.create_graph) off.emplace();
    Pass pass(outputs, complete,
              {.targets = &targets, .retain_graph = options.create_graph || options.retain_graph});
    while (pass.step()) {
    }
  }
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!result[i].defined()) result[i] = Tensor::zeros(inputs[i].shape(), inputs[i].dtype());
  return result;
}

struct BackwardSteps::State {
  Pass pass;
};

BackwardSteps::BackwardSteps(const Variable& loss, const Variable& seed, bool retain_graph) {
  check(loss.requires_grad(), "backward: the loss doesn't depend on any parameter");
  state_.reset(new State{Pass({loss}, default_seeds({loss}, {seed}),
                              {.retain_graph = retain_graph, .watched = true})});
}
BackwardSteps::~BackwardSteps() = default;

bool BackwardSteps::next() {
  const NoGrad off;
  return state_->pass.step();
}

const char* BackwardSteps::name() const { return state_->pass.node ? state_->pass.node->name : ""; }
const Variables& BackwardSteps::incoming() const { return state_->pass.incoming; }
const Variables& BackwardSteps::outgoing() const { return state_->pass.outgoing; }

}  // namespace retort
