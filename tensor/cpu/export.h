// Turns a kernel template of an anonymous namespace into the entries of the kernel table: name_f32,
// name_bf16 and name_f16 for every instruction set, name_f64 in the generic one only (wider tables
// take it over). A kernel's template parameter is the storage type.
#pragma once

#include <cstdint>

#include "tensor/kernels.h"

#define RETORT_EXPORT_AS(name, Args, S, suffix) \
  void name##_##suffix(const Launch& launch, const Args& args) { name<S>(launch, args); }
#define RETORT_EXPORT_WORKSPACE_AS(name, Args, S, suffix)                 \
  std::int64_t name##_workspace_##suffix(const Args& args, int threads) { \
    return name##_workspace<S>(args, threads);                            \
  }

#if defined(RETORT_ISA_generic)
#define RETORT_EXPORT_F32_F64(name, Args)  \
  RETORT_EXPORT_AS(name, Args, float, f32) \
  RETORT_EXPORT_AS(name, Args, double, f64)
#define RETORT_EXPORT_WORKSPACE_F32_F64(name, Args)  \
  RETORT_EXPORT_WORKSPACE_AS(name, Args, float, f32) \
  RETORT_EXPORT_WORKSPACE_AS(name, Args, double, f64)
#else
#define RETORT_EXPORT_F32_F64(name, Args) RETORT_EXPORT_AS(name, Args, float, f32)
#define RETORT_EXPORT_WORKSPACE_F32_F64(name, Args) \
  RETORT_EXPORT_WORKSPACE_AS(name, Args, float, f32)
#endif

#define RETORT_EXPORT(name, Args)          \
  RETORT_EXPORT_F32_F64(name, Args)        \
  RETORT_EXPORT_AS(name, Args, bf16, bf16) \
  RETORT_EXPORT_AS(name, Args, f16, f16)
#define RETORT_EXPORT_WORKSPACE(name, Args)          \
  RETORT_EXPORT_WORKSPACE_F32_F64(name, Args)        \
  RETORT_EXPORT_WORKSPACE_AS(name, Args, bf16, bf16) \
  RETORT_EXPORT_WORKSPACE_AS(name, Args, f16, f16)
