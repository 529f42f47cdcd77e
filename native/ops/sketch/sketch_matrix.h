// S, the k x n matrix of a Johnson-Lindenstrauss sketch M = S*E, never stored: every entry is a function of
// (seed, row, column), and this comment is its definition, bit for bit.
//
// The column of id `i` in table `t` is the 64-bit number t*2^32 + i (a single matrix is table 0). Every
// operation on floats is rounded to float32 as written, without fused multiply-adds.
//
//   words       w(row, column) = Philox4x32-10(key = seed xor 0x49A8BB6AACCD2549,
//                                counter_low = floor(row / 4), counter_high = column)[row mod 4]
//               (base/philox.h; the key's constant is the FNV-1a hash of "sketch")
//   gaussian    S = normal(w) * float32(1 / sqrt(k))
//   achlioptas  S = +a, -a, 0 where floor(w * 6 / 2^32) is 0, 1, above; a = float32(sqrt(3 / k))
//   sparse      s entries a column, one in each block of k/s consecutive rows (k is a multiple of s):
//               h = mix64's h(t, i, c) for block c (ops/embedding/addressing.h);
//               row = c*(k/s) + floor(h * (k/s) / 2^64);  S = float32(1 / sqrt(s)), negative if h is odd
//
//   normal(w)   the inverse of the normal distribution function, Wichura's PPND7 (AS 241, 1988), at a
//               probability of 31 bits; the lowest bit is the sign:
//     p = (float(w >> 1) + 0.5) * 2^-32, which is in (0, 0.5];  q = 0.5 - p
//     q <= 0.425:  r = 0.180625 - q*q;  z = q * A(r) / B(r)
//     else:        r = sqrt(-log(p)) - 1.6;  z = C(r) / D(r)
//     polynomials by Horner's rule from the highest power;  normal = w odd ? -z : z
//   log(p)      p = m * 2^e with m in [1, 2); where m > 1.41421354: m *= 0.5, e += 1.
//               x = (m - 1) / (m + 1);  y = x*x;
//               log = float(e) * 0.693147182 + (2*x + 2*x*(y * (1/3 + y*(1/5 + y*(1/7 + y*(1/9))))))
//               with the fractions rounded to float32.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/host_device.h"
#include "base/philox.h"

namespace pss {

enum class SketchKind { kGaussian, kAchlioptas };

constexpr uint64_t kSketchKey = 0x49A8BB6AACCD2549;

PSS_HOST_DEVICE inline uint64_t sketch_column(int64_t table, uint32_t id) {
  return (static_cast<uint64_t>(table) << 32) | id;
}

// The words of rows 4*block .. 4*block + 3.
PSS_HOST_DEVICE inline PhiloxBlock sketch_words(uint64_t seed, uint64_t block, uint64_t column) {
  return philox(seed ^ kSketchKey, block, column);
}

PSS_HOST_DEVICE inline float sketch_log(float p) {
  uint32_t bits;
  std::memcpy(&bits, &p, sizeof bits);
  auto e = static_cast<int32_t>(bits >> 23) - 127;
  bits = (bits & 0x7FFFFF) | 0x3F800000;
  float m;
  std::memcpy(&m, &bits, sizeof m);
  if (m > 1.41421354f) {
    m *= 0.5f;
    e += 1;
  }
  const float x = (m - 1.0f) / (m + 1.0f), y = x * x;
  const float series = y * (1.0f / 3 + y * (1.0f / 5 + y * (1.0f / 7 + y * (1.0f / 9))));
  const float twice = 2.0f * x;
  return static_cast<float>(e) * 0.693147182f + (twice + twice * series);
}

PSS_HOST_DEVICE inline float sketch_normal(uint32_t word) {
  const float p = (static_cast<float>(static_cast<int32_t>(word >> 1)) + 0.5f) * 0x1p-32f;
  const float q = 0.5f - p;
  const float r = 0.180625f - q * q;
  const float central = q * (((59.109374720f * r + 159.29113202f) * r + 50.434271938f) * r + 3.3871327179f) /
                        (((67.187563600f * r + 78.757757664f) * r + 17.895169469f) * r + 1.0f);
  const float t = std::sqrt(-sketch_log(p)) - 1.6f;
  const float tail = (((0.17023821103f * t + 1.3067284816f) * t + 2.7568153900f) * t + 1.4234372777f) /
                     ((0.12021132975f * t + 0.73700164250f) * t + 1.0f);
  const float z = q <= 0.425f ? central : tail;
  return word & 1 ? -z : z;
}

// The scale that makes S^T S the identity in expectation, as the definition rounds it.
inline float sketch_scale(SketchKind kind, int64_t k) {
  return static_cast<float>(std::sqrt((kind == SketchKind::kGaussian ? 1.0 : 3.0) / static_cast<double>(k)));
}

// An entry from its word.
PSS_HOST_DEVICE inline float sketch_entry(SketchKind kind, uint32_t word, float scale) {
  if (kind == SketchKind::kGaussian) return sketch_normal(word) * scale;
  const uint64_t sixth = (uint64_t{word} * 6) >> 32;
  return sixth == 0 ? scale : sixth == 1 ? -scale : 0.0f;
}

}  // namespace pss
