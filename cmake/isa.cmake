# A file in tensor/cpu/ compiles once per instruction set, each time into a namespace of its own
# (retort::isa::<isa>) with flags of its own. Nothing but these objects sees those flags.
set(RETORT_ISA_LIST generic)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND RETORT_ISA_LIST avx2 avx512)
endif()
set(RETORT_ISA_FLAGS_generic "")
set(RETORT_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(RETORT_ISA_FLAGS_avx512 -mavx2 -mfma -mf16c -mavx512f -mavx512dq -mavx512bw -mavx512vl
    -mprefer-vector-width=512)

# Kernels are optimised in every build type: -O0 vector code is too slow to test with.
set(RETORT_KERNEL_OPTIMIZATION -O3 CACHE STRING "Optimisation of the kernels, whatever the build type")

# retort_add_isa_objects(TARGET SOURCES...): adds the sources to TARGET once per instruction set.
function(retort_add_isa_objects target)
  foreach(isa IN LISTS RETORT_ISA_LIST)
    add_library(retort_kernels_${isa} OBJECT ${ARGN})
    target_link_libraries(retort_kernels_${isa} PRIVATE retort_options $<BUILD_INTERFACE:retort_warnings>)
    target_compile_definitions(retort_kernels_${isa} PRIVATE RETORT_ISA=${isa} RETORT_ISA_${isa}=1)
    target_compile_options(retort_kernels_${isa} PRIVATE ${RETORT_ISA_FLAGS_${isa}} ${RETORT_KERNEL_OPTIMIZATION}
                           -fno-exceptions -fno-math-errno -fno-trapping-math)
    set_target_properties(retort_kernels_${isa} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:retort_kernels_${isa}>)
    string(TOUPPER ${isa} upper)
    target_compile_definitions(${target} PRIVATE RETORT_HAVE_${upper}=1)
  endforeach()
endfunction()
