// SENET's kernels for the Simd of the file that includes this.
#pragma once

#include <algorithm>

#include "ops/senet/senet.h"

namespace pss {
namespace {

constexpr int64_t kLanes = Simd::kLanes;

struct Parts {
  float *z, *s, *dz, *a, *da;
};

Parts excite(const float* slots, const SenetWeights& weights, float* scratch, const SenetShape& shape) {
  const auto [F, D, H, Fp, Hp] = shape;
  const Parts parts{scratch, scratch + Fp, scratch + 2 * Fp, scratch + 3 * Fp, scratch + 3 * Fp + Hp};
  std::fill_n(parts.z, Fp, 0.0f);
  std::fill_n(parts.a, Hp, 0.0f);
  const float share = 1.0f / static_cast<float>(D);
  for (int64_t f = 0; f < F; f++) {
    Simd::Floats sum = Simd::zero();
    for (int64_t d = 0; d < D; d += kLanes) {
      sum = Simd::add(sum, Simd::load(Simd::mask(D - d), slots + f * D + d));
    }
    parts.z[f] = Simd::sum(sum) * share;
  }
  const auto relu_dot = [](const float* a, const float* b, int64_t n) {
    Simd::Floats sum = Simd::zero();
    for (int64_t i = 0; i < n; i += kLanes) {
      sum = Simd::multiply_add(Simd::load(a + i), Simd::load(b + i), sum);
    }
    return std::max(Simd::sum(sum), 0.0f);
  };
  for (int64_t h = 0; h < H; h++) parts.a[h] = relu_dot(weights.first + h * Fp, parts.z, Fp);
  for (int64_t f = 0; f < F; f++) parts.s[f] = relu_dot(weights.second + f * Hp, parts.a, Hp);
  return parts;
}

// to[0..n) += factor * from[0..n), whole vectors.
inline void add_scaled(float* to, float factor, const float* from, int64_t n) {
  const Simd::Floats scale = Simd::set(factor);
  for (int64_t i = 0; i < n; i += kLanes) {
    Simd::store(to + i, Simd::multiply_add(scale, Simd::load(from + i), Simd::load(to + i)));
  }
}

void senet_forward(float* out, const float* slots, const SenetWeights& weights, float* scratch,
                   const SenetShape& shape) {
  const int64_t D = shape.D;
  const Parts parts = excite(slots, weights, scratch, shape);
  for (int64_t f = 0; f < shape.F; f++) {
    const Simd::Floats scale = Simd::set(parts.s[f]);
    for (int64_t d = 0; d < D; d += kLanes) {
      const Simd::Mask mask = Simd::mask(D - d);
      const Simd::Floats e = Simd::load(mask, slots + f * D + d);
      Simd::store(mask, out + f * D + d, Simd::multiply(scale, e));
    }
  }
}

void senet_backward(float* dslots, float* dfirst, float* dsecond, const float* dout, const float* slots,
                    const SenetWeights& weights, float* scratch, const SenetShape& shape) {
  const auto [F, D, H, Fp, Hp] = shape;
  const Parts parts = excite(slots, weights, scratch, shape);
  std::fill_n(parts.da, Hp, 0.0f);
  std::fill_n(parts.dz, Fp, 0.0f);
  for (int64_t f = 0; f < F; f++) {
    if (!(parts.s[f] > 0)) continue;
    Simd::Floats sum = Simd::zero();
    for (int64_t d = 0; d < D; d += kLanes) {
      const Simd::Mask mask = Simd::mask(D - d);
      sum = Simd::multiply_add(Simd::load(mask, dout + f * D + d), Simd::load(mask, slots + f * D + d), sum);
    }
    const float ds = Simd::sum(sum);
    add_scaled(dsecond + f * Hp, ds, parts.a, Hp);
    add_scaled(parts.da, ds, weights.second + f * Hp, Hp);
  }
  for (int64_t h = 0; h < H; h++) {
    if (!(parts.a[h] > 0)) continue;
    add_scaled(dfirst + h * Fp, parts.da[h], parts.z, Fp);
    add_scaled(parts.dz, parts.da[h], weights.first + h * Fp, Fp);
  }
  for (int64_t f = 0; f < F; f++) {
    const Simd::Floats scale = Simd::set(parts.s[f]);
    const Simd::Floats mean = Simd::set(parts.dz[f] / static_cast<float>(D));
    for (int64_t d = 0; d < D; d += kLanes) {
      const Simd::Mask mask = Simd::mask(D - d);
      const Simd::Floats gradient = Simd::load(mask, dout + f * D + d);
      Simd::store(mask, dslots + f * D + d, Simd::multiply_add(scale, gradient, mean));
    }
  }
}

constexpr SenetKernels kSenetSimd = {senet_forward, senet_backward};

}  // namespace
}  // namespace pss
