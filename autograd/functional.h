// Derivatives of whole functions: recomputing instead of saving, Hessian-vector products,
// Jacobians.
#pragma once

#include <functional>

#include "autograd/variable.h"

namespace retort {

/// f(inputs), of which only the inputs are kept: what f computes on the way is computed again when
/// its gradient is wanted (Chen et al. 2016). Memory for time: once more f's forward pass.
///
/// f must give the same numbers again (random bits do: they are a function of where they are drawn)
/// and write to nothing. `parameters`: the leaves that f reads besides its inputs; one that it
/// reads and that isn't named, or any other value that needs a gradient, is an error in the
/// backward pass. Nests; the result can be differentiated twice.
Variables checkpoint(const std::function<Variables(const Variables&)>& f, const Variables& inputs,
                     const Variables& parameters = {});

/// Σ_j ∂²f/∂x_i∂x_j · v_j for every i; f gives a single number, v_j has x_j's shape (Pearlmutter
/// 1994). Costs about two gradients, whatever the size of the Hessian.
std::vector<Tensor> hessian_vector_product(const std::function<Variable(const Variables&)>& f,
                                           const std::vector<Tensor>& x,
                                           const std::vector<Tensor>& v);

/// ∂f/∂x as [elements of f(x), elements of x], a backward pass per row.
Tensor jacobian(const std::function<Variable(const Variable&)>& f, const Tensor& x);

}  // namespace retort
