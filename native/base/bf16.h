// bfloat16: the upper half of a float32. Read by device code too, which is C++17.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/precision.h"

namespace pss {

struct Bf16 {
  uint16_t bits;
};

inline float to_float(Bf16 value) {
  const uint32_t bits = uint32_t{value.bits} << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}
inline float to_float(float value) {
  return value;
}

// To the nearest, ties to even; a NaN stays one.
inline Bf16 to_bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (value != value) return {static_cast<uint16_t>(bits >> 16 | 0x40)};
  return {static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}

// x as a product of this format sees it.
inline float rounded(float x, Precision precision) {
  return precision == Precision::kBf16 ? to_float(to_bf16(x)) : x;
}

// A value as the type on the left holds it.
inline void assign(float& to, float value) {
  to = value;
}
inline void assign(Bf16& to, float value) {
  to = to_bf16(value);
}

}  // namespace pss
