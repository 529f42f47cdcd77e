// What the runtime's files share.
#pragma once

#include <memory>
#include <vector>

#include "runtime.h"

namespace emu {

// What race checks remember of two bytes of shared memory: the last writer and a reader, and how far the
// block's barriers and their warps' collectives had got then. Threads are numbered from 1.
struct Shadow {
  u32 writer, write_epoch, write_warp_epoch;
  u32 reader, read_epoch, read_warp_epoch;
};

struct AsyncCopy {
  u32 to;
  const char* from;
  u32 size, zeros;
  u32 group;
};
struct AsyncCopies {
  std::vector<AsyncCopy> pending;
  u32 groups = 0;  // committed so far
};

struct ResidentBlock : Block {
  std::vector<Thread> own_threads;
  std::vector<Warp> own_warps;
  std::vector<AsyncCopies> own_copies;
  std::vector<Shadow> shadow;
};
inline ResidentBlock& resident(Thread& T) {
  return static_cast<ResidentBlock&>(*T.block);
}

// Called when no lane of a warp can add to its records of accesses (counters.h).
void flush_counters(const Warp& warp);
void start_counting(Counters* counters, size_t num_warps);
// Eight rows of 16 bytes of shared memory, as ldmatrix and stmatrix move them in one go.
void count_matrix_rows(bool stores, const u64* rows);

// The whole warp meets; the last lane to come calls combine with the payloads of all 32.
void meet_warp(Thread& T, int kind, void* payload, void (*combine)(Thread&, void* const*));

void try_barrier(Block& block, u32 id);

// The regions that were used last, by a few bits of the address; see recent_slot().
const Region* recent_regions();

// Switches stacks: saves the caller's into *save and continues on `to`.
extern "C" void emu_switch_stack(void** save, void* to);

}  // namespace emu
