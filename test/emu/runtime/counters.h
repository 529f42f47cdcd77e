// Memory counters of warp instructions; used by modules that were translated for counting.
//
// Threads run lane by lane, so one warp instruction is seen as up to 32 separate accesses. Each carries a key
// made of the instruction and of the iterations of the loops around it; accesses of one warp with equal keys
// are one warp instruction. A lane that comes back with a key it has used (a function called twice, an
// irregular loop) gets the occurrence's number added. Records are evaluated when no lane can add to them: at
// a barrier of the whole block, at a collective of the whole warp, and when the warp has ended.
#pragma once

#include "thread.h"

namespace emu {

enum class Access { kLoad, kStore, kAtomic };

// Counts an access to host address `p`, which it returns.
EMU_EXPORT char* count_access(Thread& T, char* p, Access access, u32 bytes, u64 key);

template <class... Iterations>
EMU_INLINE u64 access_key(u32 instruction, Iterations... iterations) {
  u64 h = instruction + 1;
  ((h = (h ^ iterations) * 0xD6E8FEB86659FD93ull, h ^= h >> 32), ...);
  return h * 4;  // the low bits tell apart the accesses of one instruction
}

// The next iteration of a loop; the loops within it start again.
template <class... Inner>
EMU_INLINE void next_iteration(Thread& T, u32 loop, Inner... inner) {
  T.loops[loop]++;
  ((T.loops[inner] = 0), ...);
}

}  // namespace emu
