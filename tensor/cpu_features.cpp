#include "tensor/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace retort {

#if defined(__x86_64__)
namespace {

struct Leaf {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  Leaf(unsigned leaf, unsigned subleaf) {
    if (!__get_cpuid_count(leaf, subleaf, &eax, &ebx, &ecx, &edx)) eax = ebx = ecx = edx = 0;
  }
};

bool ask_for_tiles() {
  if (!is_amx_cpu()) return false;
  constexpr long kRequestPermission = 0x1023,
                 kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

bool is_amx_cpu() {
  constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;  // leaf 7, edx
  const Leaf features(7, 0);
  return (features.edx & kAmxBf16) != 0 && (features.edx & kAmxTile) != 0;
}

bool has_avx512_bf16() {
  return __builtin_cpu_supports("avx512bw") && (Leaf(7, 1).eax & 1u << 5) != 0;
}

bool has_amx_bf16() {
  static const bool granted = ask_for_tiles();
  return granted;
}

#else

bool is_amx_cpu() { return false; }
bool has_avx512_bf16() { return false; }
bool has_amx_bf16() { return false; }

#endif

}  // namespace retort
