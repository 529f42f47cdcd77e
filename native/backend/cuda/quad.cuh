// Four neighbouring elements of a row at a time, held as float32 or as bfloat16. Rounding to bfloat16 is to
// nearest, ties to even.
#pragma once

#include <cstdint>

#include "base/bf16.h"

namespace pss {

// Two values in one word, `low` in its lower half, which is the first in memory.
__device__ inline uint32_t pack_bf16(float low, float high) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
#else
  const auto rounded = [](float value) {
    const uint32_t bits = __float_as_uint(value);
    if (value != value) return 0x7fffu;
    return (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
  };
  return rounded(low) | rounded(high) << 16;
#endif
}

__device__ inline float bf16_low(uint32_t packed) {
  return __uint_as_float(packed << 16);
}
__device__ inline float bf16_high(uint32_t packed) {
  return __uint_as_float(packed & 0xffff0000u);
}

// Four neighbours of a row, whatever they are stored as.
__device__ inline float4 load4(const float* from) {
  return *reinterpret_cast<const float4*>(from);
}
__device__ inline float4 load4(const Bf16* from) {
  const uint2 words = *reinterpret_cast<const uint2*>(from);
  return {bf16_low(words.x), bf16_high(words.x), bf16_low(words.y), bf16_high(words.y)};
}

// Stores the first min(4, left) of them.
__device__ inline void store4(float* to, const float4& value, int left) {
  if (left >= 4) {
    *reinterpret_cast<float4*>(to) = value;
    return;
  }
  if (left > 0) to[0] = value.x;
  if (left > 1) to[1] = value.y;
  if (left > 2) to[2] = value.z;
}
__device__ inline void store4(Bf16* to, const float4& value, int left) {
  const uint2 words = {pack_bf16(value.x, value.y), pack_bf16(value.z, value.w)};
  if (left >= 4) {
    *reinterpret_cast<uint2*>(to) = words;
    return;
  }
  if (left > 0) to[0].bits = static_cast<uint16_t>(words.x);
  if (left > 1) to[1].bits = static_cast<uint16_t>(words.x >> 16);
  if (left > 2) to[2].bits = static_cast<uint16_t>(words.y);
}

// `value` where `by` is positive.
__device__ inline float4 masked(const float4& value, const float4& by) {
  return {by.x > 0 ? value.x : 0, by.y > 0 ? value.y : 0, by.z > 0 ? value.z : 0, by.w > 0 ? value.w : 0};
}

__device__ inline void add4(float4& to, const float4& value) {
  to.x += value.x;
  to.y += value.y;
  to.z += value.z;
  to.w += value.w;
}

}  // namespace pss
