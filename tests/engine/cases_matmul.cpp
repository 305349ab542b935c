// Cases of matrix products, against broadcast products summed up.
#include "tensor/prepared.h"
#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

Variable with_size_one(const Variable& x, int dim) {
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) {
    if (i == dim) shape.append(1);
    shape.append(x.size(i));
  }
  if (dim == x.rank()) shape.append(1);
  return reshape(x, shape);
}

// Σ_p a[…, i, p, 1] · b[…, 1, p, j]
Variable product(const Variable& a, const Variable& b) {
  return sum(multiply(with_size_one(a, a.rank()), with_size_one(b, b.rank() - 2)), {-2});
}

}  // namespace

std::vector<Case> matmul_cases() {
  std::vector<Case> cases = {
      {.name = "matmul",
       .functions = {"matmul"},
       .kernels = {"matmul"},
       .f = [](const Variables& in) { return matmul(in[0], in[1]); },
       .shapes = {{{2, 3}, {3, 4}},
                  {{1, 1}, {1, 1}},
                  {{2, 0}, {0, 3}},
                  {{0, 2}, {2, 3}},
                  {{2, 2, 3}, {3, 2}},
                  {{2, 1, 2, 2}, {3, 2, 2}},
                  {{17, 33}, {33, 49}},
                  {{150, 70}, {70, 90}}},
       .reference = [](const Variables& in) { return product(in[0], in[1]); },
       .extreme = true},
      {.name = "matmul: many rows, deep",
       .functions = {"matmul"},
       .kernels = {"matmul"},
       .f = [](const Variables& in) { return matmul(in[0], in[1]); },
       .shapes = {{{300, 400}, {400, 130}}, {{7, 3, 90, 40}, {3, 40, 60}}}},
      {.name = "linear",
       .functions = {"linear"},
       .kernels = {"matmul", "reduce"},
       .f = [](const Variables& in) { return linear(in[0], in[1], in[2]); },
       .shapes = {{{2, 3}, {4, 3}, {4}},
                  {{1, 1}, {1, 1}, {1}},
                  {{0, 2}, {3, 2}, {3}},
                  {{130, 65}, {50, 65}, {50}}},
       .reference = [](const Variables& in) { return product(in[0], transpose(in[1])) + in[2]; },
       .extreme = true},
      {.name = "linear: no bias",
       .functions = {"linear"},
       .kernels = {"matmul"},
       .f = [](const Variables& in) { return linear(in[0], in[1]); },
       .shapes = {{{2, 3}, {4, 3}}, {{40, 33}, {17, 33}}},
       .reference = [](const Variables& in) { return product(in[0], transpose(in[1])); },
       .extreme = true},
      {.name = "linear: packed ahead",
       .functions = {"linear"},
       .kernels = {"matmul", "matmul_pack"},
       .f =
           [](const Variables& in) {
             return linear(in[0], in[1], {}, {.prepared = std::make_shared<Prepared>()});
           },
       .shapes = {{{2, 3}, {4, 3}}, {{40, 33}, {17, 33}}},
       .reference = [](const Variables& in) { return product(in[0], transpose(in[1])); },
       .extreme = true},
  };
  for (Case& c : cases) c.half_tolerance = 2;  // instructions for bf16 sum in an order of their own
  return cases;
}

}  // namespace retort::testing
