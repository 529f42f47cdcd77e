// bfloat16: the upper half of a float32. Read by device code too, which is C++17.
#pragma once

#include <cstdint>
#include <cstring>

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

}  // namespace pss
