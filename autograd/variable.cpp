#include "autograd/variable.h"

#include <atomic>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

thread_local bool t_recording = true;

// Nodes free their inputs, those theirs, and so on: done recursively, a chain of a million
// operations would overflow the stack. Instead the outermost release works through a list.
void release_node(Node* node) {
  thread_local std::vector<Node*> pending;
  thread_local bool draining = false;
  pending.push_back(node);
  if (draining) return;
  draining = true;
  while (!pending.empty()) {
    Node* next = pending.back();
    pending.pop_back();
    delete next;
  }
  draining = false;
}

std::atomic<std::uint64_t> g_sequence{0};

std::shared_ptr<Node> make_node(const char* name) {
  std::shared_ptr<Node> node(new Node, release_node);
  node->name = name;
  node->sequence = g_sequence.fetch_add(1, std::memory_order_relaxed);
  return node;
}

}  // namespace

std::uint64_t next_sequence() { return g_sequence.load(std::memory_order_relaxed); }

bool recording() { return t_recording; }
NoGrad::NoGrad() : before_(t_recording) { t_recording = false; }
NoGrad::~NoGrad() { t_recording = before_; }
Recording::Recording() : before_(t_recording) { t_recording = true; }
Recording::~Recording() { t_recording = before_; }

Variable Variable::parameter(Tensor value) {
  check(value.defined() && is_floating(value.dtype()),
        "parameter: expected a floating-point tensor");
  auto node = make_node("leaf");
  node->gradient = std::make_unique<LeafGradient>(value.shape(), value.dtype());
  return {std::move(value), std::move(node), 0};
}

bool Variable::is_leaf() const { return node_ && node_->leaf(); }

Variable Variable::gradient() const { return is_leaf() ? node_->gradient->dense() : Tensor(); }

const RowSparse* Variable::gradient_rows() const {
  return is_leaf() ? node_->gradient->rows() : nullptr;
}

void Variable::clear_gradient() {
  if (is_leaf()) node_->gradient->clear();
}

std::uint64_t Variable::add_hook(std::function<Variable(const Variable&)> hook) {
  check(node_ != nullptr, "hook: the value is a constant and never has a gradient");
  static std::atomic<std::uint64_t> count{0};
  node_->hooks.push_back({++count, output_, std::move(hook)});
  return node_->hooks.back().number;
}

void Variable::remove_hook(std::uint64_t number) {
  const auto removed =
      node_ ? std::erase_if(node_->hooks,
                            [number](const Hook& hook) { return hook.number == number; })
            : 0;
  check(removed == 1, "hook: this value has no hook number ", number);
}

Tensor& Variable::leaf_value() {
  check(!node_ || node_->leaf(),
        "variable: only a leaf can be written in place, this is the result of ",
        node_ ? node_->name : "");
  return value_;
}

void LeafGradient::clear() {
  dense_ = {};
  rows_.reset();
}

// Nobody else may see the memory change, and it must be ours in full.
void LeafGradient::make_writable() {
  if (rows_) {
    dense_ = dense();
    rows_.reset();
  } else if (dense_.storage().use_count() != 1 || !dense_.is_contiguous() ||
             dense_.storage()->read_only) {
    dense_ = dense_.clone();
  }
}

void LeafGradient::add(Tensor more) {
  if (!defined()) {
    dense_ = std::move(more);
  } else {
    make_writable();
    ops::add_to(dense_, more);
  }
}

void LeafGradient::add(RowSparse more) {
  if (!defined()) {
    rows_ = std::move(more);
  } else if (rows_) {
    rows_ = ops::add(*rows_, more);
  } else if (dtype_ != more.rows.dtype()) {  // a half
    add(ops::dense(more).to(dtype_));
  } else {
    make_writable();
    ops::add_to(dense_, more);
  }
}

Saved::Saved(const Variable& variable)
    : variable_(variable), version_(variable.defined() ? variable.value().storage()->version : 0) {}

Variables record_joint(const char* name, std::vector<Tensor> outputs, const Variables& inputs,
                       Vjp vjp) {
  if (detecting_anomalies()) {
    std::vector<const Tensor*> given;
    for (const Variable& input : inputs) given.push_back(&input.value());
    for (const Tensor& output : outputs) check_made_by(name, output, given);
  }
  bool wanted = false;
  if (recording())
    for (const Variable& input : inputs) wanted = wanted || input.requires_grad();
  Variables results;
  if (!wanted) {
    for (Tensor& output : outputs) results.emplace_back(std::move(output));
    return results;
  }
  auto node = make_node(name);
  node->outputs = static_cast<int>(outputs.size());
  node->vjp = std::move(vjp);
  for (const Variable& input : inputs) {
    node->inputs.push_back({input.node(), input.output_index()});
    node->input_shapes.push_back(input.defined() ? input.shape() : Shape());
  }
  for (int i = 0; i < node->outputs; ++i)
    results.emplace_back(std::move(outputs[static_cast<std::size_t>(i)]), node, i);
  return results;
}

Variables reference_vjp(const std::function<Variables(const Variables&)>& reference,
                        const Variables& inputs, const Variables& dys,
                        const std::vector<bool>& needs) {
  // Aliases, so that each gradient is the partial one even where an input is a function of another.
  Variables aliases, wanted;
  for (const Variable& input : inputs) aliases.push_back(input.defined() ? alias(input) : input);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (needs[i]) wanted.push_back(aliases[i]);
  const Variables outputs = reference(aliases);
  Variables used, seeds;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (i < dys.size() && dys[i].defined()) {
      used.push_back(outputs[i]);
      seeds.push_back(dys[i]);
    }
  const Variables gradients =
      grad(used, wanted, seeds, {.create_graph = true, .stop_at_inputs = true});
  Variables result(inputs.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (needs[i]) result[i] = gradients[next++];
  return result;
}

}  // namespace retort
