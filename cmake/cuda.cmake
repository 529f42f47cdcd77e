# Device code: every native/**/*.cu becomes a fatbin, and all fatbins become one source file that embeds them.
# Host code never includes CUDA's headers or links its libraries, so this needs nvcc alone; without it the table of
# fatbins is empty and the addon says so when asked for a GPU.
#
#   CUDACXX    path of nvcc (else from PATH, then /usr/local/cuda/bin)
#   CUDAARCHS  architectures in CMake's notation: "80" (SASS and PTX), "90-real" (SASS), "80-virtual" (PTX), joined by
#              semicolons, or "all", "all-major", "native". By default PTX for 8.0, SASS for 8.0 and 9.0.

option(PSS_CUDA "Compile device code where nvcc is found" ON)
if(PSS_CUDA)
  find_program(PSS_NVCC NAMES $ENV{CUDACXX} nvcc PATHS /usr/local/cuda/bin)
endif()

set(PSS_CUDAARCHS "80;90-real" CACHE STRING "CUDA architectures, in CMake's notation")
if(DEFINED ENV{CUDAARCHS} AND NOT "$ENV{CUDAARCHS}" STREQUAL "")
  set(PSS_CUDAARCHS "$ENV{CUDAARCHS}" CACHE STRING "CUDA architectures, in CMake's notation" FORCE)
endif()

# Sets `out` to nvcc's options for the architectures.
function(pss_cuda_arch_options out)
  set(options "")
  foreach(arch IN LISTS PSS_CUDAARCHS)
    if(arch MATCHES "^(all|all-major|native)$")
      list(APPEND options "-arch=${arch}")
    elseif(arch MATCHES "^([0-9]+[af]?)-real$")
      list(APPEND options "-gencode=arch=compute_${CMAKE_MATCH_1},code=sm_${CMAKE_MATCH_1}")
    elseif(arch MATCHES "^([0-9]+[af]?)-virtual$")
      list(APPEND options "-gencode=arch=compute_${CMAKE_MATCH_1},code=compute_${CMAKE_MATCH_1}")
    elseif(arch MATCHES "^([0-9]+[af]?)$")
      list(APPEND options "-gencode=arch=compute_${arch},code=[sm_${arch},compute_${arch}]")
    else()
      message(FATAL_ERROR "CUDAARCHS has '${arch}', which is no architecture; use for example 80;90-real.")
    endif()
  endforeach()
  set(${out} "${options}" PARENT_SCOPE)
endfunction()

# Adds the device code under `folder` to `target`.
function(pss_embed_cuda target folder)
  set(declarations "")
  set(entries "")
  set(fatbins "")
  if(PSS_CUDA AND PSS_NVCC)
    message(STATUS "CUDA kernels: ${PSS_NVCC}, architectures ${PSS_CUDAARCHS}")
    pss_cuda_arch_options(arch_options)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cu)
    foreach(source IN LISTS sources)
      get_filename_component(name ${source} NAME_WE)
      set(fatbin ${CMAKE_BINARY_DIR}/fatbins/${name}.fatbin)
      # No contraction, as for the host: multiply-adds are fused where the source says so. Not compressed, so that
      # tools (and the emulated driver) can read the PTX.
      add_custom_command(OUTPUT ${fatbin}
        COMMAND ${PSS_NVCC} -fatbin --no-compress -std=c++17 -O3 -fmad=false --expt-relaxed-constexpr
          -I${folder} ${arch_options} -MD -MF ${fatbin}.d -MT ${fatbin} -o ${fatbin} ${source}
        DEPENDS ${source} DEPFILE ${fatbin}.d VERBATIM COMMENT "Compiling device code of ${name}")
      list(APPEND fatbins ${fatbin})
      string(APPEND declarations
        "asm(\".pushsection .rodata, \\\"a\\\"\\n.balign 64\\npss_fatbin_${name}:\\n.incbin \\\"${fatbin}\\\"\\n\"\n"
        "    \".popsection\\n\");\nextern \"C\" const char pss_fatbin_${name}[] __attribute__((visibility(\"hidden\")));\n")
      string(APPEND entries "    {\"${name}\", pss_fatbin_${name}},\n")
    endforeach()
  else()
    message(STATUS "CUDA kernels: none (PSS_CUDA is off, or nvcc isn't in CUDACXX, PATH or /usr/local/cuda/bin)")
  endif()
  list(LENGTH fatbins count)
  set(table ${CMAKE_BINARY_DIR}/embedded_fatbins.cc)
  file(CONFIGURE OUTPUT ${table} @ONLY CONTENT [[// Written by cmake/cuda.cmake.
#include "backend/cuda/embedded_fatbins.h"

@declarations@
namespace pss {

const EmbeddedFatbin kEmbeddedFatbins[] = {
@entries@    {nullptr, nullptr},
};
const size_t kEmbeddedFatbinCount = @count@;

}  // namespace pss
]])
  set_source_files_properties(${table} PROPERTIES OBJECT_DEPENDS "${fatbins}")
  target_sources(${target} PRIVATE ${table})
endfunction()
