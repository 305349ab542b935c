// The last layer of a language model: hidden states to logits over a vocabulary.
#pragma once

#include "tensor/tensor.h"

namespace retort {

/// logits = hidden·weightᵀ + bias: hidden [rows, width] (a half, too), weight [vocabulary, width]
/// and bias [vocabulary] (or undefined) in the compute dtype. Student and teacher may differ in
/// width.
struct VocabularyHead {
  Tensor hidden, weight, bias;
};

}  // namespace retort
