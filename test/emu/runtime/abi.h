// What a translated module hands to the driver: its kernels and its variables. Plain data only.
#pragma once

#include <cstddef>

#include "scalars.h"

namespace emu {

struct Thread;

struct Parameter {
  int offset, size;
  bool is_pointer;  // the kernel converts it to a global address
};

struct Kernel {
  const char* name;
  void (*entry)(Thread&, char* parameters);
  const Parameter* parameters;
  int num_parameters;
  u32 parameter_bytes, static_shared_bytes, dynamic_shared_alignment, local_bytes;
  u32 max_threads;  // .maxntid or .reqntid, else 1024
};

struct Variable {
  const char* name;
  char* bytes;
  u64 size;
};

struct ModuleDescription {
  const Kernel* kernels;
  size_t num_kernels;
  const Variable* variables;
  size_t num_variables;
  u32 num_loops;         // counters of loop iterations that each thread keeps, when counting
  void (*initialise)();  // gives the variables their first values
};

// Addresses [begin, end) may be used by kernels; their bytes lie at address + shift.
struct Region {
  u64 begin, end;
  s64 shift;
};

// Floating-point operations, a multiply-add counted as two: by plain instructions on float32 and float64, and
// by matrix instructions on TF32 and on 16-bit inputs.
enum class FlopUnit { kF32, kF64, kTf32, kF16 };
constexpr int kFlopUnits = 4;

// Per warp instruction; distinct_sectors counts each sector once a launch.
struct GlobalCount {
  u64 requests, lanes, bytes, sectors, distinct_sectors;
};
struct SharedCount {
  u64 requests, lanes, bytes, wavefronts, least_wavefronts;
};
struct Counters {
  u64 launches, blocks, threads, thread_instructions, warp_instructions, local_bytes;
  u64 block_threads, dynamic_shared_bytes;  // the most of a launch
  u64 flops[kFlopUnits];
  GlobalCount global_load, global_store, global_atomic;
  SharedCount shared_load, shared_store, shared_atomic;
};

}  // namespace emu
