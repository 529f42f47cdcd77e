// A CUDA thread is a fiber; threads form warps and blocks. One host thread runs them all, one at a time.
#pragma once

#include "abi.h"

namespace emu {

struct Block;
struct Warp;
struct AsyncCopies;

struct Launch {
  const Kernel* kernel;
  char* parameters;
  u32 block[3], grid[3];
  u32 dynamic_offset, dynamic_bytes;  // of shared memory
  u64 grid_workspace;  // what cooperative groups synchronise a grid through; 0: not cooperative
};

struct Thread {
  u32 index[3];
  u32 linear, lane;
  Warp* warp;
  Block* block;
  const Launch* launch;
  char *shared, *stack;  // host addresses
  u64 shared_bytes, stack_bytes;
  const Region* recent;  // the region last used by address bits 20..25
  bool check_races;
  u32* loops;  // iteration of every loop, when counting
  u64 instructions;
  u64 flops[kFlopUnits];
  u32 backward_branches;
  AsyncCopies* copies;
  // The scheduler's own.
  void* stack_pointer;
  bool done, blocked;
  int barrier;  // waits for it; -1: none
  u32 barrier_result;
  const char* waits_at;
};

struct Warp {
  u32 slot;  // number among the resident warps
  u32 exists, exited, waiting;
  u32 mask[32];
  int kind[32];
  void* payload[32];
  Thread* threads[32];
  u32 epoch;  // collectives of the whole warp so far
};

struct Barrier {
  u32 arrived, waiting, expected, sum;
};

struct Block {
  u32 index[3];
  u32 alive;
  u32 epoch;  // barriers so far
  Barrier barriers[16];
  u32 num_threads, num_warps;
  Thread* threads;
  Warp* warps;
};

enum class Fault {
  kNone,
  kOutOfBounds,
  kMisaligned,
  kAssert,
  kDeadlock,
  kTimeout,
  kUnsupported,
  kInvalidLaunch,
  kOther
};

// Ends the launch; `address` is what the thread touched, for faults about memory.
[[noreturn]] EMU_EXPORT void fail(Thread& T, Fault kind, const char* text, u64 address = 0);
[[noreturn]] EMU_EXPORT void fail_format(Thread& T, Fault kind, u64 address, const char* format, ...)
    __attribute__((format(printf, 4, 5)));

// Lets the other threads run; a blocked thread comes back when something unblocks it.
EMU_EXPORT void yield(Thread& T);
[[noreturn]] EMU_EXPORT void exit_thread(Thread& T);

// A backward branch: endless loops must let others run, as spinning on another block's flag does.
EMU_INLINE void branch_back(Thread& T) {
  if (__builtin_expect(++T.backward_branches > 20000, 0)) {
    T.backward_branches = 0;
    yield(T);
  }
}

// A load or compare-and-swap that programs spin on: after some of them the others should run.
EMU_INLINE void spin(Thread& T) {
  T.backward_branches += 500;
}

}  // namespace emu
