// Shifts, fields, permutations and counts of bits, with PTX's rules for amounts that are too large.
#pragma once

#include "scalars.h"

namespace emu {

template <class T>
EMU_INLINE T shift_left(T a, u32 n) {
  return n >= 8 * sizeof(T) ? T{0} : static_cast<T>(a << n);
}
template <class T>
EMU_INLINE T shift_right(T a, u32 n) {
  if (n >= 8 * sizeof(T)) return a < 0 ? static_cast<T>(-1) : T{0};
  return static_cast<T>(a >> n);
}
EMU_INLINE u32 funnel_shift_left(u32 low, u32 high, u32 n, bool wraps) {
  n = wraps ? n & 31 : n > 32 ? 32 : n;
  return static_cast<u32>(((static_cast<u64>(high) << 32 | low) << n) >> 32);
}
EMU_INLINE u32 funnel_shift_right(u32 low, u32 high, u32 n, bool wraps) {
  n = wraps ? n & 31 : n > 32 ? 32 : n;
  return static_cast<u32>((static_cast<u64>(high) << 32 | low) >> n);
}

template <class T>
EMU_INLINE u32 count_ones(T a) {
  return static_cast<u32>(__builtin_popcountll(a));
}
EMU_INLINE u32 count_leading_zeros(u32 a) {
  return a ? static_cast<u32>(__builtin_clz(a)) : 32;
}
EMU_INLINE u32 count_leading_zeros(u64 a) {
  return a ? static_cast<u32>(__builtin_clzll(a)) : 64;
}
template <class T>
EMU_INLINE T reverse_bits(T a) {
  T r = 0;
  for (u32 i = 0; i < 8 * sizeof(T); i++) r |= (a >> i & 1) << (8 * sizeof(T) - 1 - i);
  return r;
}
// The highest bit that differs from the sign; `as_shift`: the shift that would bring it to the top.
template <class T>
EMU_INLINE u32 find_bit(T a, bool as_shift) {
  auto v = static_cast<std::make_unsigned_t<T>>(a);
  if (std::is_signed_v<T> && a < 0) v = ~v;
  if (!v) return 0xffffffffu;
  const u32 position = 63 - static_cast<u32>(__builtin_clzll(v));
  return as_shift ? static_cast<u32>(8 * sizeof(T)) - 1 - position : position;
}
template <class T>
EMU_INLINE T extract_field(T a, u32 start, u32 length) {
  constexpr u32 kWidth = 8 * sizeof(T);
  using U = std::make_unsigned_t<T>;
  start &= 255, length &= 255;
  if (!length) return 0;
  const U u = static_cast<U>(a);
  const u32 last = start + length - 1 < kWidth - 1 ? start + length - 1 : kWidth - 1;
  const U sign = std::is_signed_v<T> ? u >> last & 1 : 0;
  U r = 0;
  for (u32 i = 0; i < kWidth; i++) r |= (i < length && start + i < kWidth ? u >> (start + i) & 1 : sign) << i;
  return static_cast<T>(r);
}
template <class T>
EMU_INLINE T insert_field(T field, T into, u32 start, u32 length) {
  constexpr u32 kWidth = 8 * sizeof(T);
  start &= 255, length &= 255;
  if (start >= kWidth || !length) return into;
  const T mask = (length >= kWidth ? static_cast<T>(-1) : static_cast<T>((T{1} << length) - 1)) << start;
  return (into & ~mask) | (field << start & mask);
}
EMU_INLINE u32 bit_mask(u32 start, u32 length, bool clamps) {
  if (clamps) {
    if (start >= 32 || !length) return 0;
  } else {
    start &= 31, length &= 31;
  }
  return static_cast<u32>((length >= 32 ? 0xffffffffull : (1ull << length) - 1) << start);
}
EMU_INLINE u32 permute_bytes(u32 a, u32 b, u32 selectors) {
  const u64 v = a | static_cast<u64>(b) << 32;
  u32 r = 0;
  for (int i = 0; i < 4; i++) {
    const u32 selector = selectors >> (4 * i) & 15;
    u32 byte = static_cast<u32>(v >> (8 * (selector & 7))) & 255;
    if (selector & 8) byte = byte & 128 ? 255 : 0;
    r |= byte << (8 * i);
  }
  return r;
}
// Any function of three bits, by its truth table.
EMU_INLINE u32 logic3(u32 a, u32 b, u32 c, u32 table) {
  u32 r = 0;
  if (table & 1) r |= ~a & ~b & ~c;
  if (table & 2) r |= ~a & ~b & c;
  if (table & 4) r |= ~a & b & ~c;
  if (table & 8) r |= ~a & b & c;
  if (table & 16) r |= a & ~b & ~c;
  if (table & 32) r |= a & ~b & c;
  if (table & 64) r |= a & b & ~c;
  if (table & 128) r |= a & b & c;
  return r;
}
template <class A, class B>
EMU_INLINE s32 dot4(u32 a, u32 b, s32 sum) {
  for (int i = 0; i < 4; i++) sum += s32{static_cast<A>(a >> (8 * i))} * s32{static_cast<B>(b >> (8 * i))};
  return sum;
}

}  // namespace emu
