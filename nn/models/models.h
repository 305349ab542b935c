// The architectures that there are, each defined in a file of its own.
#pragma once

#include "nn/architecture.h"

namespace retort {

extern const Architecture kBert, kDistilBert;

}  // namespace retort
