// Cases of einsum, against a broadcast product over all indices, summed and put in order.
#include <algorithm>

#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

using Indices = std::string;

// The operand over all indices in alphabetical order, with size 1 where it lacks one.
Variable spread(const Variable& x, const Indices& indices, const Indices& all) {
  Shape order, shape;
  for (const char index : all) {
    const std::size_t dim = indices.find(index);
    if (dim != Indices::npos) order.append(static_cast<std::int64_t>(dim));
    shape.append(dim == Indices::npos ? 1 : x.size(static_cast<int>(dim)));
  }
  return reshape(permute(x, order), shape);
}

Case einsum_case(const std::string& equation, const std::vector<Indices>& operands,
                 const Indices& result, std::vector<std::vector<Shape>> shapes) {
  Indices all;
  for (const Indices& operand : operands) all += operand;
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return {.name = "einsum " + equation,
          .functions = {"einsum"},
          .kernels = {"matmul", "reduce"},
          .f = [equation](const Variables& in) { return einsum(equation, in); },
          .shapes = std::move(shapes),
          .reference =
              [operands, result, all](const Variables& in) {
                Variable y = spread(in[0], operands[0], all);
                if (in.size() > 1) y = y * spread(in[1], operands[1], all);
                std::vector<int> axes;
                Indices left;
                for (std::size_t i = 0; i < all.size(); ++i) {
                  if (result.find(all[i]) == Indices::npos) axes.push_back(static_cast<int>(i));
                  else left += all[i];
                }
                if (!axes.empty()) y = sum(y, axes);
                Shape order;
                for (const char index : result)
                  order.append(static_cast<std::int64_t>(left.find(index)));
                return permute(y, order);
              },
          .extreme = true,
          .composed = true,
          .half_tolerance = 4};  // sums are rounded before the product
}

}  // namespace

std::vector<Case> einsum_cases() {
  return {
      einsum_case("ij,jk->ik", {"ij", "jk"}, "ik", {{{2, 3}, {3, 4}}, {{33, 17}, {17, 65}}}),
      einsum_case("ij,jk", {"ij", "jk"}, "ik", {{{2, 3}, {3, 2}}, {{0, 2}, {2, 3}}}),
      einsum_case("bij, bkj -> bki", {"bij", "bkj"}, "bki", {{{2, 3, 2}, {2, 2, 2}}}),
      einsum_case("bhqd,bhkd->bhqk", {"bhqd", "bhkd"}, "bhqk",
                  {{{1, 2, 2, 3}, {1, 2, 2, 3}}, {{3, 4, 9, 17}, {3, 4, 12, 17}}}),
      einsum_case("qhd,khd->hqk", {"qhd", "khd"}, "hqk", {{{3, 2, 2}, {2, 2, 2}}}),
      einsum_case("i,j->ij", {"i", "j"}, "ij", {{{4}, {3}}, {{70}, {300}}}),
      einsum_case("ij,ij->ij", {"ij", "ij"}, "ij", {{{3, 2}, {3, 2}}}),
      einsum_case("ij,ij->ji", {"ij", "ij"}, "ji", {{{3, 2}, {3, 2}}, {{40, 70}, {40, 70}}}),
      einsum_case("i,i->", {"i", "i"}, "", {{{5}, {5}}, {{1}, {1}}, {{0}, {0}}, {{3000}, {3000}}}),
      einsum_case("ijk,jl->il", {"ijk", "jl"}, "il", {{{2, 3, 2}, {3, 2}}}),  // k is summed alone
      einsum_case("ij,k->j", {"ij", "k"}, "j", {{{2, 3}, {4}}}),
      einsum_case(",ij->ij", {"", "ij"}, "ij", {{{}, {2, 3}}}),
      einsum_case("ij->ji", {"ij"}, "ji", {{{3, 4}}}),
      einsum_case("ba", {"ba"}, "ab", {{{3, 4}}}),  // alphabetical
      einsum_case("aij->i", {"aij"}, "i", {{{2, 3, 2}}, {{9, 33, 17}}}),
      einsum_case("ij->", {"ij"}, "", {{{3, 4}}}),
  };
}

}  // namespace retort::testing
