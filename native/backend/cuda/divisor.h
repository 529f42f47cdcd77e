// Division of 32-bit numbers by a number that the host knows: a product with its reciprocal. Included by
// device code.
#pragma once

#include <cstdint>

namespace pss {

struct Divisor {
  uint64_t reciprocal;  // floor(2^64 / value) + 1, exact for dividends below 2^32; unused for 1
  uint32_t value;
};

inline Divisor make_divisor(int64_t value) {
  const auto unsigned_value = static_cast<uint32_t>(value);
  return {~uint64_t{0} / unsigned_value + 1, unsigned_value};
}

#ifdef __CUDACC__
__device__ inline uint32_t operator/(uint32_t dividend, const Divisor& by) {
  return by.value == 1 ? dividend : static_cast<uint32_t>(__umul64hi(dividend, by.reciprocal));
}
#endif

}  // namespace pss
