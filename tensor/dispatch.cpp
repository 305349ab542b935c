#include "tensor/dispatch.h"

#include <atomic>
#include <cstdlib>

#include "tensor/base/error.h"
#include "tensor/cpu_features.h"

#ifdef RETORT_HAVE_AVX2
#include <cpuid.h>
#endif

namespace retort {
namespace isa {

namespace generic {
#define RETORT_DECLARE_F64
#include "tensor/declare_kernels.inc"
#undef RETORT_DECLARE_F64
}  // namespace generic
namespace avx2 {
#include "tensor/declare_kernels.inc"
}  // namespace avx2
namespace avx512 {
#include "tensor/declare_kernels.inc"
}  // namespace avx512

// Products of matrices that a table has beside those, or instead of the generic one's.
#define RETORT_DECLARE_MATMUL(type)                              \
  void matmul_##type(const Launch&, const MatmulArgs&);          \
  std::int64_t matmul_workspace_##type(const MatmulArgs&, int);  \
  void matmul_pack_##type(const Launch&, const MatmulPackArgs&); \
  std::int64_t matmul_pack_workspace_##type(const MatmulPackArgs&, int);
namespace avx2 {
RETORT_DECLARE_MATMUL(f64)
}  // namespace avx2
namespace avx512 {
RETORT_DECLARE_MATMUL(f64)
}  // namespace avx512
namespace avx512bf16 {
RETORT_DECLARE_MATMUL(bf16)
}  // namespace avx512bf16
namespace amx {
RETORT_DECLARE_MATMUL(bf16)
}  // namespace amx
#undef RETORT_DECLARE_MATMUL

}  // namespace isa

namespace {

constexpr int kF64 = 1, kBf16 = 2;  // places in KernelTable's arrays

#define RETORT_TAKE_MATMUL(table, isa_name, type, place)                  \
  table.matmul[place] = isa::isa_name::matmul_##type;                     \
  table.matmul_workspace[place] = isa::isa_name::matmul_workspace_##type; \
  table.matmul_pack[place] = isa::isa_name::matmul_pack_##type;           \
  table.matmul_pack_workspace[place] = isa::isa_name::matmul_pack_workspace_##type;

constexpr KernelTable k_generic = {"generic",
#define RETORT_TABLE_ISA generic
#include "tensor/table_entries.inc"
};

#ifdef RETORT_HAVE_AVX2
constexpr KernelTable k_avx2 = [] {
  KernelTable table = {"avx2",
#define RETORT_TABLE_ISA avx2
#include "tensor/table_entries.inc"
  };
  RETORT_TAKE_MATMUL(table, avx2, f64, kF64)
  return table;
}();
#endif

#ifdef RETORT_HAVE_AVX512
constexpr KernelTable k_avx512 = [] {
  KernelTable table = {"avx512",
#define RETORT_TABLE_ISA avx512
#include "tensor/table_entries.inc"
  };
  RETORT_TAKE_MATMUL(table, avx512, f64, kF64)
  return table;
}();

// The same with products of bf16.
constexpr KernelTable k_avx512bf16 = [] {
  KernelTable table = k_avx512;
  table.isa = "avx512bf16";
  RETORT_TAKE_MATMUL(table, avx512bf16, bf16, kBf16)
  return table;
}();
constexpr KernelTable k_amx = [] {
  KernelTable table = k_avx512;
  table.isa = "amx";
  RETORT_TAKE_MATMUL(table, amx, bf16, kBf16)
  return table;
}();
#endif

#ifdef RETORT_HAVE_AVX2
// Conversions of f16; clang 14 can't ask for it by name.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

// Narrowest first. __builtin_cpu_supports also asks the operating system for the register state.
std::vector<const KernelTable*> runnable_tables() {
  std::vector<const KernelTable*> tables = {&k_generic};
#ifdef RETORT_HAVE_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c())
    tables.push_back(&k_avx2);
#endif
#ifdef RETORT_HAVE_AVX512
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && has_f16c())
    tables.push_back(&k_avx512);
  if (tables.back() == &k_avx512 && has_avx512_bf16()) {
    tables.push_back(&k_avx512bf16);
    if (has_amx_bf16()) tables.push_back(&k_amx);
  }
#endif
  return tables;
}

const KernelTable* find_table(const std::string& wanted) {
  std::string list;
  for (const KernelTable* table : runnable_tables()) {
    if (wanted == table->isa) return table;
    list += (list.empty() ? "" : ", ") + std::string(table->isa);
  }
  fail("RETORT_ISA: this CPU and build have ", list, ", found '", wanted, "'");
}

const KernelTable* default_table() {
  const char* wanted = std::getenv("RETORT_ISA");
  if (wanted && *wanted) return find_table(wanted);
  const KernelTable* widest = runnable_tables().back();
#ifdef RETORT_HAVE_AVX512
  // VDPBF16PS is twice as fast as FMA on AMD's CPUs and half as fast on those that have AMX: where the
  // system refuses the tiles, bf16 goes by way of f32.
  if (widest == &k_avx512bf16 && is_amx_cpu()) return &k_avx512;
#endif
  return widest;
}

std::atomic<const KernelTable*> g_table{nullptr};

}  // namespace

const KernelTable& kernels() {
  const KernelTable* table = g_table.load(std::memory_order_acquire);
  if (!table) {
    table = default_table();
    g_table.store(table, std::memory_order_release);
  }
  return *table;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const KernelTable* table : runnable_tables()) names.emplace_back(table->isa);
  return names;
}

void use_isa(const std::string& wanted) {
  g_table.store(find_table(wanted), std::memory_order_release);
}

}  // namespace retort
