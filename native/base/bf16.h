// bfloat16: the upper half of a float32, with 8 bits of mantissa.
#pragma once

#include <cstdint>
#include <cstring>

namespace pss {

// The bits of one value.
using Bf16 = uint16_t;

inline float from_bf16(Bf16 value) {
  const uint32_t bits = uint32_t{value} << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

}  // namespace pss
