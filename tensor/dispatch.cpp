#include "tensor/dispatch.h"

#include <atomic>
#include <cstdlib>

#include "tensor/base/error.h"

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

}  // namespace isa

namespace {

const KernelTable k_generic = {"generic",
#define RETORT_TABLE_ISA generic
#include "tensor/table_entries.inc"
};

#ifdef RETORT_HAVE_AVX2
const KernelTable k_avx2 = {"avx2",
#define RETORT_TABLE_ISA avx2
#include "tensor/table_entries.inc"
};
#endif

#ifdef RETORT_HAVE_AVX512
const KernelTable k_avx512 = {"avx512",
#define RETORT_TABLE_ISA avx512
#include "tensor/table_entries.inc"
};
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
  return wanted && *wanted ? find_table(wanted) : runnable_tables().back();
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
