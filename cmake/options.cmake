# How every Retort library is compiled.
find_package(OpenMP REQUIRED COMPONENTS CXX)

add_library(retort_options INTERFACE)
target_compile_features(retort_options INTERFACE cxx_std_20)
target_include_directories(retort_options INTERFACE ${PROJECT_SOURCE_DIR})
# Fused multiply-adds are written, never left to the compiler: it would contract a loop and not its tail.
target_compile_options(retort_options INTERFACE -ffp-contract=off)

add_library(retort_warnings INTERFACE)
target_compile_options(retort_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow
                       $<$<BOOL:${RETORT_WERROR}>:-Werror>)
# g++ 12 sees overlapping copies in `"text" + std::string` where there are none (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(retort_warnings INTERFACE -Wno-restrict)
endif()

# retort_add_library(NAME SOURCES... ): the sources of one folder as a static library.
function(retort_add_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC retort_options PRIVATE $<BUILD_INTERFACE:retort_warnings>)
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
endfunction()
