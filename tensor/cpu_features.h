// CPU features that the compilers' builtins don't know, or that the kernel has to be asked for.
#pragma once

namespace retort {

/// AVX-512-BF16: VDPBF16PS.
bool has_avx512_bf16();

/// Whether the CPU has AMX, whatever the system says to its use.
bool is_amx_cpu();

/// AMX tiles with bf16 products. The first call asks the kernel for the tile state, which a process
/// must do before it touches a tile (Linux, Documentation/arch/x86/xstate.rst); false when refused.
bool has_amx_bf16();

}  // namespace retort
