// The scalar types of PTX, and registers, which are untyped bits that each instruction reads as its own type.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#define EMU_INLINE inline __attribute__((always_inline))
#define EMU_EXPORT __attribute__((visibility("default")))

namespace emu {

using u8 = std::uint8_t;
using s8 = std::int8_t;
using u16 = std::uint16_t;
using s16 = std::int16_t;
using u32 = std::uint32_t;
using s32 = std::int32_t;
using u64 = unsigned long long;
using s64 = long long;
using u128 = unsigned __int128;
using s128 = __int128;
using f16 = _Float16;
using f32 = float;
using f64 = double;

template <class To, class From>
EMU_INLINE To bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

struct bf16 {
  u16 v;
  bf16() = default;
  EMU_INLINE bf16(f32 f) {
    const u32 u = bits<u32>(f);
    v = f != f ? u16{0x7fff} : static_cast<u16>((u + 0x7fff + (u >> 16 & 1)) >> 16);  // nearest, ties to even
  }
  EMU_INLINE bf16(f64 d) : bf16(static_cast<f32>(d)) {}
  EMU_INLINE operator f32() const { return bits<f32>(static_cast<u32>(v) << 16); }
};

struct f16x2 {
  f16 x, y;
};
struct bf16x2 {
  bf16 x, y;
};

template <class T>
inline constexpr bool kPacked = std::is_same_v<T, f16x2> || std::is_same_v<T, bf16x2>;
template <class T>
inline constexpr bool kFloating =
    std::is_floating_point_v<T> || std::is_same_v<T, f16> || std::is_same_v<T, bf16>;

template <int kBytes>
struct UnsignedOf;
template <>
struct UnsignedOf<1> {
  using type = u8;
};
template <>
struct UnsignedOf<2> {
  using type = u16;
};
template <>
struct UnsignedOf<4> {
  using type = u32;
};
template <>
struct UnsignedOf<8> {
  using type = u64;
};
template <>
struct UnsignedOf<16> {
  using type = u128;
};
template <class T>
using Bits = typename UnsignedOf<sizeof(T)>::type;

// Reads a register as type T; a narrower type takes the low bits.
template <class T, class Register>
EMU_INLINE T as(const Register& r) {
  if constexpr (std::is_same_v<T, bool>) {
    return static_cast<bool>(r);
  } else if constexpr (std::is_same_v<T, Register>) {
    return r;
  } else {
    return bits<T>(static_cast<Bits<T>>(bits<Bits<Register>>(r)));
  }
}

// Writes a register; integers are extended by their own sign, everything else by zeros.
template <class Register, class T>
EMU_INLINE void put(Register& r, T value) {
  if constexpr (std::is_same_v<Register, bool>) {
    r = static_cast<bool>(value);
  } else if constexpr (std::is_same_v<Register, T>) {
    r = value;
  } else if constexpr (std::is_integral_v<T> && std::is_integral_v<Register>) {
    r = static_cast<Register>(value);
  } else {
    r = bits<Register>(static_cast<Bits<Register>>(bits<Bits<T>>(value)));
  }
}

template <class T>
EMU_INLINE T load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
template <class T>
EMU_INLINE void store(char* p, T value) {
  std::memcpy(p, &value, sizeof value);
}

}  // namespace emu
