// Floating-point and integer arithmetic. Packed types work half by half; bf16 goes through float, as the
// hardware rounds once. A rounding mode other than to nearest goes through rounding.h.
#pragma once

#include "scalars.h"

namespace emu {

template <class T, class F>
EMU_INLINE T each(T a, F f) {
  if constexpr (kPacked<T>) {
    return {f(a.x), f(a.y)};
  } else {
    return f(a);
  }
}
template <class T, class F>
EMU_INLINE T each(T a, T b, F f) {
  if constexpr (kPacked<T>) {
    return {f(a.x, b.x), f(a.y, b.y)};
  } else {
    return f(a, b);
  }
}
template <class T, class F>
EMU_INLINE T each(T a, T b, T c, F f) {
  if constexpr (kPacked<T>) {
    return {f(a.x, b.x, c.x), f(a.y, b.y, c.y)};
  } else {
    return f(a, b, c);
  }
}

template <class T>
EMU_INLINE T add(T a, T b) {
  return each(a, b, [](auto x, auto y) { return static_cast<decltype(x)>(x + y); });
}
template <class T>
EMU_INLINE T subtract(T a, T b) {
  return each(a, b, [](auto x, auto y) { return static_cast<decltype(x)>(x - y); });
}
template <class T>
EMU_INLINE T multiply(T a, T b) {
  if constexpr (sizeof(T) == 2 && std::is_integral_v<T>) {
    return static_cast<T>(static_cast<u32>(a) * static_cast<u32>(b));
  } else {
    return each(a, b, [](auto x, auto y) { return static_cast<decltype(x)>(x * y); });
  }
}
template <class T>
EMU_INLINE T multiply_high(T a, T b) {
  using Wide = std::conditional_t<sizeof(T) == 8, std::conditional_t<std::is_signed_v<T>, s128, u128>,
                                  std::conditional_t<std::is_signed_v<T>, s64, u64>>;
  return static_cast<T>((static_cast<Wide>(a) * static_cast<Wide>(b)) >> (8 * sizeof(T)));
}
template <class T>
EMU_INLINE T fused_multiply_add(T a, T b, T c) {
  return each(a, b, c, [](auto x, auto y, auto z) {
    using V = decltype(x);
    if constexpr (std::is_same_v<V, f32>) {
      return __builtin_fmaf(x, y, z);
    } else if constexpr (std::is_same_v<V, f64>) {
      return __builtin_fma(x, y, z);
    } else {  // the product of two 16-bit floats is exact in double
      return static_cast<V>(static_cast<f64>(x) * static_cast<f64>(y) + static_cast<f64>(z));
    }
  });
}
template <class T>
EMU_INLINE T divide(T a, T b) {
  if constexpr (!kFloating<T>) {
    if (b == 0) return static_cast<T>(-1);
    if constexpr (std::is_signed_v<T>) {
      if (b == static_cast<T>(-1)) return static_cast<T>(0 - static_cast<u64>(a));
    }
  }
  return a / b;
}
template <class T>
EMU_INLINE T remainder(T a, T b) {
  if (b == 0) return a;
  if constexpr (std::is_signed_v<T>) {
    if (b == static_cast<T>(-1)) return 0;
  }
  return a % b;
}

template <class T>
EMU_INLINE bool is_nan(T a) {
  if constexpr (kFloating<T>) {
    const auto x = static_cast<f64>(a);
    return x != x;
  } else {
    return false;
  }
}
// −0 is below +0. A NaN gives way to a number, unless `nan` asks for it.
template <class T>
EMU_INLINE T minimum(T a, T b, bool nan = false) {
  return each(a, b, [nan](auto x, auto y) {
    if constexpr (kFloating<decltype(x)>) {
      if (is_nan(x)) return nan ? x : y;
      if (is_nan(y)) return nan ? y : x;
      return x < y || (x == y && std::signbit(static_cast<f64>(x))) ? x : y;
    } else {
      return x < y ? x : y;
    }
  });
}
template <class T>
EMU_INLINE T maximum(T a, T b, bool nan = false) {
  return each(a, b, [nan](auto x, auto y) {
    if constexpr (kFloating<decltype(x)>) {
      if (is_nan(x)) return nan ? x : y;
      if (is_nan(y)) return nan ? y : x;
      return x > y || (x == y && !std::signbit(static_cast<f64>(x))) ? x : y;
    } else {
      return x > y ? x : y;
    }
  });
}

template <class T>
inline constexpr Bits<T> kSignBits =
    kPacked<T> ? static_cast<Bits<T>>(0x80008000u) : static_cast<Bits<T>>(Bits<T>{1} << (8 * sizeof(T) - 1));
template <class T>
EMU_INLINE T negate(T a) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(0 - static_cast<u64>(a));
  } else {
    return bits<T>(static_cast<Bits<T>>(bits<Bits<T>>(a) ^ kSignBits<T>));
  }
}
template <class T>
EMU_INLINE T absolute(T a) {
  if constexpr (std::is_integral_v<T>) {
    return a < 0 ? static_cast<T>(0 - static_cast<u64>(a)) : a;
  } else {
    return bits<T>(static_cast<Bits<T>>(bits<Bits<T>>(a) & static_cast<Bits<T>>(~kSignBits<T>)));
  }
}
template <class T>
EMU_INLINE T copy_sign(T sign, T magnitude) {
  return std::copysign(magnitude, sign);
}
// To [0, 1]; a NaN becomes 0.
template <class T>
EMU_INLINE T saturate(T a) {
  return each(a, [](auto x) {
    using V = decltype(x);
    if (!(static_cast<f64>(x) > 0)) return static_cast<V>(0.0f);
    return static_cast<f64>(x) > 1 ? static_cast<V>(1.0f) : x;
  });
}
template <class T>
EMU_INLINE T relu(T a) {
  return each(a, [](auto x) { return static_cast<f64>(x) > 0 ? x : static_cast<decltype(x)>(0.0f); });
}

template <class T>
EMU_INLINE T square_root(T a) {
  return std::sqrt(a);
}
template <class T>
EMU_INLINE T reciprocal(T a) {
  return T(1) / a;
}
template <class T>
EMU_INLINE T reciprocal_root(T a) {
  return static_cast<T>(1.0 / std::sqrt(static_cast<f64>(a)));
}
template <class T>
EMU_INLINE T exponential2(T a) {
  return each(a, [](auto x) { return static_cast<decltype(x)>(std::exp2(static_cast<f32>(x))); });
}
template <class T>
EMU_INLINE T logarithm2(T a) {
  return static_cast<T>(std::log2(static_cast<f32>(a)));
}
template <class T>
EMU_INLINE T sine(T a) {
  return static_cast<T>(std::sin(static_cast<f32>(a)));
}
template <class T>
EMU_INLINE T cosine(T a) {
  return static_cast<T>(std::cos(static_cast<f32>(a)));
}
template <class T>
EMU_INLINE T hyperbolic_tangent(T a) {
  return each(a, [](auto x) { return static_cast<decltype(x)>(std::tanh(static_cast<f32>(x))); });
}

}  // namespace emu
