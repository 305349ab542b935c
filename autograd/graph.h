// The recorded graph as a picture.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "autograd/variable.h"

namespace retort {

/// The graph behind `outputs` in Graphviz's DOT language: a box per operation, an ellipse per leaf,
/// an edge per value with its shape, in the order in which they were recorded. `names` label leaves
/// and outputs. Draw it with `dot -Tsvg`.
std::string graph_dot(const Variables& outputs,
                      const std::vector<std::pair<Variable, std::string>>& names = {});

}  // namespace retort
