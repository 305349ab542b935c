// What the engine knows of one recorded operation.
#pragma once

#include <memory>
#include <vector>

#include "autograd/variable.h"

namespace retort {

struct Edge {
  std::shared_ptr<Node> node;  // null: a constant
  int output = 0;
};

struct Node {
  const char* name = "";
  std::uint64_t sequence = 0;  // creation order, which is a topological order
  std::vector<Edge> inputs;
  std::vector<Shape> input_shapes;
  int outputs = 1;
  Vjp vjp;           // empty for a leaf, and once used
  bool leaf = false;
  Variable gradient;  // leaves only
};

}  // namespace retort
