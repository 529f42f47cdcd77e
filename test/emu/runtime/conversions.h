// Conversions, and operations with a rounding mode of their own (mode: one of <cfenv>'s).
#pragma once

#include <cfenv>

#include "scalars.h"

namespace emu {

EMU_EXPORT f32 add_rounded(f32 a, f32 b, int mode);
EMU_EXPORT f64 add_rounded(f64 a, f64 b, int mode);
EMU_EXPORT f32 multiply_rounded(f32 a, f32 b, int mode);
EMU_EXPORT f64 multiply_rounded(f64 a, f64 b, int mode);
EMU_EXPORT f32 divide_rounded(f32 a, f32 b, int mode);
EMU_EXPORT f64 divide_rounded(f64 a, f64 b, int mode);
EMU_EXPORT f32 fused_rounded(f32 a, f32 b, f32 c, int mode);
EMU_EXPORT f64 fused_rounded(f64 a, f64 b, f64 c, int mode);
EMU_EXPORT f32 root_rounded(f32 a, int mode);
EMU_EXPORT f64 root_rounded(f64 a, int mode);

class RoundingMode {
 public:
  explicit RoundingMode(int mode) : old_(std::fegetround()) { std::fesetround(mode); }
  ~RoundingMode() { std::fesetround(old_); }

 private:
  int old_;
};

template <class To, class From>
__attribute__((noinline)) To convert_rounded(From from, int mode) {
  const RoundingMode scope(mode);
  volatile From value = from;  // keeps the compiler from converting before the mode is set
  volatile To result = static_cast<To>(value);
  return result;
}

// 0: nearest even, 1: towards zero, 2: down, 3: up
inline f64 to_integral(f64 a, int how) {
  return how == 0 ? std::nearbyint(a) : how == 1 ? std::trunc(a) : how == 2 ? std::floor(a) : std::ceil(a);
}
template <class I>
EMU_INLINE I float_to_integer(f64 a, int how) {
  if (a != a) return sizeof(I) == 8 ? static_cast<I>(1ull << 63) : I{0};
  a = to_integral(a, how);
  if (a <= static_cast<f64>(std::numeric_limits<I>::min())) return std::numeric_limits<I>::min();
  if (a >= static_cast<f64>(std::numeric_limits<I>::max())) return std::numeric_limits<I>::max();
  return static_cast<I>(a);
}
template <class To, class From>
EMU_INLINE To saturate_integer(From a) {
  const s128 v = a;
  if (v < s128{std::numeric_limits<To>::min()}) return std::numeric_limits<To>::min();
  if (v > s128{std::numeric_limits<To>::max()}) return std::numeric_limits<To>::max();
  return static_cast<To>(a);
}
// tf32 keeps 10 bits of the mantissa.
EMU_INLINE u32 to_tf32_away(u32 a) {
  return (a + 0x1000u) & ~0x1fffu;
}
EMU_INLINE u32 to_tf32_even(u32 a) {
  return (a + 0xfffu + (a >> 13 & 1)) & ~0x1fffu;
}
EMU_INLINE bf16 to_bf16_toward_zero(f32 a) {
  bf16 r;
  r.v = static_cast<u16>(bits<u32>(a) >> 16);
  return r;
}

}  // namespace emu
