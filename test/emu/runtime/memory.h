// Host addresses of what a kernel touches, after checks of bounds and alignment.
#pragma once

#include "thread.h"

namespace emu {

EMU_EXPORT char* find_region(Thread& T, u64 address, u32 size, bool writes);
[[noreturn]] EMU_EXPORT void fail_misaligned(Thread& T, u64 address, u32 size);
[[noreturn]] EMU_EXPORT void fail_shared(Thread& T, u32 offset, u32 size);
EMU_EXPORT void check_race(Thread& T, u32 offset, u32 size, bool writes, bool atomic);

inline constexpr int kRecentRegions = 64;
EMU_INLINE u32 recent_slot(u64 address) {
  return address >> 20 & (kRecentRegions - 1);
}

// A generic or global address of `count` consecutive values.
template <class V>
EMU_INLINE char* global(Thread& T, u64 address, int count, bool writes) {
  const u32 size = sizeof(V) * count;
  if (__builtin_expect(address & (size - 1), 0)) fail_misaligned(T, address, size);
  const Region& r = T.recent[recent_slot(address)];
  if (__builtin_expect(address < r.begin || address + size > r.end, 0)) {
    return find_region(T, address, size, writes);
  }
  return reinterpret_cast<char*>(address + r.shift);
}

template <class V>
EMU_INLINE char* local(Thread& T, u64 address, int count, bool writes) {
  const u32 size = sizeof(V) * count;
  const u64 stack = reinterpret_cast<u64>(T.stack);
  if (__builtin_expect((address & (size - 1)) || address < stack || address + size > stack + T.stack_bytes,
                       0)) {
    return global<V>(T, address, count, writes);
  }
  return reinterpret_cast<char*>(address);
}

// `address` is an offset in the block's shared memory.
template <class V>
EMU_INLINE char* shared(Thread& T, u64 address, int count, bool writes, bool atomic = false) {
  const u32 offset = static_cast<u32>(address), size = sizeof(V) * count;
  if (__builtin_expect((offset & (size - 1)) || static_cast<u64>(offset) + size > T.shared_bytes, 0)) {
    fail_shared(T, offset, size);
  }
  if (__builtin_expect(T.check_races, 0)) check_race(T, offset, size, writes, atomic);
  return T.shared + offset;
}

EMU_INLINE u64 shared_to_generic(const Thread& T, u64 offset) {
  return offset + reinterpret_cast<u64>(T.shared);
}
EMU_INLINE u64 generic_to_shared(const Thread& T, u64 address) {
  return address - reinterpret_cast<u64>(T.shared);
}
EMU_INLINE bool is_shared(const Thread& T, u64 address) {
  return generic_to_shared(T, address) < T.shared_bytes;
}
EMU_INLINE bool is_local(const Thread& T, u64 address) {
  return address - reinterpret_cast<u64>(T.stack) < T.stack_bytes;
}

}  // namespace emu
