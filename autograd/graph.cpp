#include "autograd/graph.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_set>

#include "autograd/node.h"

namespace retort {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// Oldest first: what a node is made of stands before it.
std::vector<const Node*> nodes_behind(const Variables& outputs) {
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
  return found;
}

}  // namespace

std::string graph_dot(const Variables& outputs,
                      const std::vector<std::pair<Variable, std::string>>& names) {
  std::map<const Node*, std::string> labels;
  for (const auto& [variable, text] : names) labels[variable.node().get()] = text;
  std::map<const Node*, std::size_t> numbers;
  std::ostringstream out;
  out << "digraph {\n  rankdir=BT;\n  node [shape=box];\n";
  for (const Node* node : nodes_behind(outputs)) {
    const std::size_t number = numbers.size();
    numbers[node] = number;
    const auto label = labels.find(node);
    std::string text = node->name;
    if (label != labels.end()) text = node->leaf() ? label->second : label->second + " = " + text;
    out << "  n" << number << " [label=" << quoted(text) << (node->leaf() ? ", shape=ellipse" : "")
        << "];\n";
    for (std::size_t i = 0; i < node->inputs.size(); ++i)
      if (const Node* from = node->inputs[i].node.get())
        out << "  n" << numbers[from] << " -> n" << number
            << " [label=" << quoted(node->input_shapes[i].text()) << "];\n";
  }
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].node())
      out << "  out" << i << " [label=" << quoted("output " + outputs[i].shape().text())
          << ", shape=plaintext];\n  n" << numbers[outputs[i].node().get()] << " -> out" << i
          << ";\n";
  out << "}\n";
  return out.str();
}

}  // namespace retort
