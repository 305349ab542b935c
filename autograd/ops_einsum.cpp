// Einstein's sums, taken apart into permutations, sums, and one product: so their derivatives are
// those of the parts.
#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "autograd/ops.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

using Indices = std::string;  // one letter per dimension

struct Equation {
  std::vector<Indices> operands;
  Indices result;
};

bool contains(const Indices& indices, char index) { return indices.find(index) != Indices::npos; }

Indices those(const Indices& indices, const std::function<bool(char)>& wanted) {
  Indices found;
  for (const char index : indices)
    if (wanted(index)) found += index;
  return found;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Equation parse(std::string_view text) {
  Equation equation;
  Indices* current = &equation.operands.emplace_back();
  bool arrow = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ') continue;
    if (c == ',' && !arrow) {
      current = &equation.operands.emplace_back();
    } else if (c == '-' && i + 1 < text.size() && text[i + 1] == '>' && !arrow) {
      arrow = true;
      current = &equation.result;
      ++i;
    } else {
      check(is_letter(c), "einsum: \"", text, "\": expected letters, ',' and one '->', found '", c, "'");
      check(!contains(*current, c), "einsum: \"", text, "\": index '", c,
            "' stands twice in one place; diagonals aren't supported");
      *current += c;
    }
  }
  Indices all;
  for (const Indices& operand : equation.operands) all += operand;
  if (!arrow) {
    std::sort(all.begin(), all.end());
    equation.result = those(all, [&](char c) { return std::count(all.begin(), all.end(), c) == 1; });
  }
  for (const char index : equation.result)
    check(contains(all, index), "einsum: \"", text, "\": index '", index, "' of the result is in no operand");
  return equation;
}

// x with its dimensions in the order of `wanted`, which names the same ones.
Variable arranged(const Variable& x, const Indices& indices, const Indices& wanted) {
  if (indices == wanted) return x;
  Shape order;
  for (const char index : wanted) order.append(static_cast<std::int64_t>(indices.find(index)));
  return permute(x, order);
}

// Sums over the indices that aren't wanted, and drops them from the list.
Variable summed(const Variable& x, Indices& indices, const std::function<bool(char)>& wanted) {
  std::vector<int> axes;
  for (std::size_t dim = 0; dim < indices.size(); ++dim)
    if (!wanted(indices[dim])) axes.push_back(static_cast<int>(dim));
  indices = those(indices, wanted);
  return axes.empty() ? x : sum(x, axes);
}

// a·b with its result's dimensions in whatever order they come; `indices` says which.
Variable product(Variable a, Indices in_a, Variable b, Indices in_b, const Indices& result,
                 const std::map<char, std::int64_t>& sizes, Indices& indices) {
  a = summed(a, in_a, [&](char c) { return contains(in_b, c) || contains(result, c); });
  b = summed(b, in_b, [&](char c) { return contains(in_a, c) || contains(result, c); });
  const Indices shared = those(in_a, [&](char c) { return contains(in_b, c); });
  const Indices batch = those(shared, [&](char c) { return contains(result, c); });
  const Indices inner = those(shared, [&](char c) { return !contains(result, c); });
  const Indices rows = those(in_a, [&](char c) { return !contains(in_b, c); });
  const Indices columns = those(in_b, [&](char c) { return !contains(in_a, c); });
  const auto count = [&](const Indices& list) {
    std::int64_t n = 1;
    for (const char index : list) n *= sizes.at(index);
    return n;
  };
  const Variable left = reshape(arranged(a, in_a, batch + rows + inner),
                                {count(batch), count(rows), count(inner)});
  const Variable right = reshape(arranged(b, in_b, batch + inner + columns),
                                 {count(batch), count(inner), count(columns)});
  indices = batch + rows + columns;
  Shape shape;
  for (const char index : indices) shape.append(sizes.at(index));
  // Nothing to sum over: [batch, rows, 1] × [batch, 1, columns] is a broadcast product.
  return reshape(inner.empty() ? left * right : matmul(left, right), shape);
}

}  // namespace

Variable einsum(std::string_view equation, const Variables& operands) {
  const Equation parsed = parse(equation);
  const std::vector<Indices>& in = parsed.operands;
  check(operands.size() == 1 || operands.size() == 2, "einsum: expected one or two operands, found ",
        operands.size());
  check(in.size() == operands.size(), "einsum: \"", equation, "\" is for ", in.size(), " operands, found ",
        operands.size());
  std::map<char, std::int64_t> sizes;
  for (std::size_t i = 0; i < in.size(); ++i) {
    check(static_cast<int>(in[i].size()) == operands[i].rank(), "einsum: \"", in[i], "\" doesn't name the ",
          operands[i].rank(), " dimensions of ", operands[i].shape());
    for (std::size_t dim = 0; dim < in[i].size(); ++dim) {
      const std::int64_t size = operands[i].size(static_cast<int>(dim));
      const auto [place, is_new] = sizes.emplace(in[i][dim], size);
      check(is_new || place->second == size, "einsum: \"", equation, "\": index '", in[i][dim], "' is ",
            place->second, " in one operand and ", size, " in the other");
    }
  }
  Indices indices = in[0];
  Variable y;
  if (operands.size() == 2)
    y = product(operands[0], in[0], operands[1], in[1], parsed.result, sizes, indices);
  else
    y = summed(operands[0], indices, [&](char c) { return contains(parsed.result, c); });
  return arranged(y, indices, parsed.result);
}

}  // namespace retort
