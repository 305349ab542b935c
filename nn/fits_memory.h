// Whether a machine can hold a model that is about to be made of nothing but numbers in a
// configuration: a slip of the finger there asks for terabytes, which the system grants one by one
// until it kills somebody.
#pragma once

#include "nn/model.h"

namespace retort {

/// Error: the model's parameters in f32 take more bytes than the machine has memory.
void check_fits_memory(const Model& model);

}  // namespace retort
