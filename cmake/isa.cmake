# A file in tensor/cpu/ compiles once per instruction set, each time into a namespace of its own
# (retort::isa::<isa>) with flags of its own. Nothing but these objects sees those flags.
set(RETORT_ISA_LIST generic)
# Tables that take over another one's kernels and bring bf16 products (tensor/cpu/bf16/) of their own;
# amx_twin, the scalar twin of AMX's tiles, is for tests.
set(RETORT_BF16_ISA_LIST "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND RETORT_ISA_LIST avx2 avx512)
  list(APPEND RETORT_BF16_ISA_LIST avx512bf16 amx amx_twin)
endif()
set(RETORT_ISA_FLAGS_generic "")
set(RETORT_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(RETORT_ISA_FLAGS_avx512 -mavx2 -mfma -mf16c -mavx512f -mavx512dq -mavx512bw -mavx512vl
    -mprefer-vector-width=512)
set(RETORT_ISA_FLAGS_avx512bf16 ${RETORT_ISA_FLAGS_avx512} -mavx512bf16 -DRETORT_ISA_avx512=1)
set(RETORT_ISA_FLAGS_amx ${RETORT_ISA_FLAGS_avx512bf16})
set(RETORT_ISA_FLAGS_amx_twin ${RETORT_ISA_FLAGS_avx512} -DRETORT_ISA_avx512=1)

# Kernels are optimised in every build type: -O0 vector code is too slow to test with.
set(RETORT_KERNEL_OPTIMIZATION -O3 CACHE STRING "Optimisation of the kernels, whatever the build type")

# retort_add_isa_objects(TARGET ISA SOURCES...): adds the sources to TARGET as retort_kernels_ISA.
function(retort_add_isa_objects target isa)
  add_library(retort_kernels_${isa} OBJECT ${ARGN})
  target_link_libraries(retort_kernels_${isa} PRIVATE retort_options $<BUILD_INTERFACE:retort_warnings>)
  target_compile_definitions(retort_kernels_${isa} PRIVATE RETORT_ISA=${isa} RETORT_ISA_${isa}=1)
  target_compile_options(retort_kernels_${isa} PRIVATE ${RETORT_ISA_FLAGS_${isa}} ${RETORT_KERNEL_OPTIMIZATION}
                         -fno-exceptions -fno-math-errno -fno-trapping-math)
  set_target_properties(retort_kernels_${isa} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:retort_kernels_${isa}>)
  string(TOUPPER ${isa} upper)
  target_compile_definitions(${target} PRIVATE RETORT_HAVE_${upper}=1)
endfunction()
