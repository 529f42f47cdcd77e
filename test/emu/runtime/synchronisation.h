// Barriers of a block, collectives of a warp, asynchronous copies, atomics.
#pragma once

#include "arithmetic.h"
#include "memory.h"

namespace emu {

// Waits until `count` threads (0: all that are alive) have come; gives the sum of what they brought. An
// `arriving` thread does not wait.
EMU_EXPORT u32 barrier(Thread& T, u32 id, u32 count, u32 brought = 0, bool arriving = false);

EMU_EXPORT void sync_warp(Thread& T, u32 mask);

enum class Shuffle { kUp, kDown, kButterfly, kIndex };
EMU_EXPORT u32 shuffle(Thread& T, Shuffle mode, u32 value, u32 lane, u32 clamp, u32 mask, bool& in_range);
enum class Vote { kBallot, kAny, kAll, kUniform };
EMU_EXPORT u32 vote(Thread& T, Vote mode, bool value, u32 mask);
EMU_EXPORT u32 match_any(Thread& T, u64 value, u32 mask, bool& unused);
EMU_EXPORT u32 match_all(Thread& T, u64 value, u32 mask, bool& all_equal);
enum class Reduction { kAdd, kMin, kMax, kAnd, kOr, kXor };
EMU_EXPORT u32 reduce(Thread& T, Reduction mode, bool is_signed, u32 value, u32 mask);
EMU_EXPORT u32 elect(Thread& T, u32 mask, bool& chosen);

// An asynchronous copy's bytes arrive only when they are waited for, and its destination is poisoned until
// then, so that a missing wait shows, and so does a copy into a place that others still read.
EMU_EXPORT void async_copy(Thread& T, u32 to, u64 from, u32 size, u32 from_size, u64 key);
EMU_EXPORT void async_commit(Thread& T);
EMU_EXPORT void async_wait(Thread& T, int groups_left);
EMU_EXPORT void async_wait_all(Thread& T);

// Threads run one at a time, so a plain read and write are atomic.
template <class V, class F>
EMU_INLINE V atomic(char* p, V value, F next) {
  const V old = load<V>(p);
  store<V>(p, next(old, value));
  return old;
}
template <class V>
EMU_INLINE V atomic_add(char* p, V v) {
  return atomic(p, v, [](V a, V b) { return add(a, b); });
}
template <class V>
EMU_INLINE V atomic_min(char* p, V v) {
  return atomic(p, v, [](V a, V b) { return minimum(a, b); });
}
template <class V>
EMU_INLINE V atomic_max(char* p, V v) {
  return atomic(p, v, [](V a, V b) { return maximum(a, b); });
}
template <class V>
EMU_INLINE V atomic_and(char* p, V v) {
  return atomic(p, v, [](V a, V b) { return static_cast<V>(a & b); });
}
template <class V>
EMU_INLINE V atomic_or(char* p, V v) {
  return atomic(p, v, [](V a, V b) { return static_cast<V>(a | b); });
}
template <class V>
EMU_INLINE V atomic_xor(char* p, V v) {
  return atomic(p, v, [](V a, V b) { return static_cast<V>(a ^ b); });
}
template <class V>
EMU_INLINE V atomic_exch(char* p, V v) {
  return atomic(p, v, [](V, V b) { return b; });
}
template <class V>
EMU_INLINE V atomic_inc(char* p, V v) {
  return atomic(p, v, [](V a, V b) { return a >= b ? V{0} : static_cast<V>(a + 1); });
}
template <class V>
EMU_INLINE V atomic_dec(char* p, V v) {
  return atomic(p, v, [](V a, V b) { return a == 0 || a > b ? b : static_cast<V>(a - 1); });
}
template <class V>
EMU_INLINE V atomic_cas(Thread& T, char* p, V expected, V desired) {
  const V old = load<V>(p);
  if (std::memcmp(&old, &expected, sizeof old) == 0) {
    store<V>(p, desired);
  } else {
    spin(T);
  }
  return old;
}

}  // namespace emu
