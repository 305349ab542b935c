// Which kernel table runs: chosen once by the CPU's feature bits, overridden by RETORT_ISA.
#pragma once

#include <string>
#include <vector>

#include "tensor/kernels.h"

namespace retort {

/// The table in use. The first call reads RETORT_ISA (generic, avx2, avx512,
/// avx512bf16, amx); an unknown name, or one
/// that this CPU or build lacks, is an error that lists those that it has.
const KernelTable& kernels();

/// Names of the tables that this CPU can run, narrowest first.
std::vector<std::string> available_isas();

/// Chooses a table by name (for tests and benchmarks); not while other threads compute.
void use_isa(const std::string& name);

}  // namespace retort
