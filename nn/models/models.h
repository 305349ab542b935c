// The architectures that there are, each defined in a file of its own.
#pragma once

#include "nn/architecture.h"

namespace retort {

extern const Architecture kAlbert, kBert, kDecoder, kDistilBert, kElectra, kGemma2, kGemma3, kGpt2,
    kGptNeo, kLlama, kMistral, kMobileBert, kModernBert, kMt5, kQwen2, kQwen3, kRoberta, kT5,
    kXlmRoberta;

}  // namespace retort
