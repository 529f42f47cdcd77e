// The cross layers' kernels for the Simd of the file that includes this.
#pragma once

#include <algorithm>

#include "ops/cross_network/cross_network.h"

namespace pss {
namespace {

constexpr int64_t kLanes = Simd::kLanes;

// Rows are whole vectors, their padding zero.
float dot(const float* a, const float* b, int64_t ld) {
  Simd::Floats even = Simd::zero(), odd = Simd::zero();
  int64_t k = 0;
  for (; k + 2 * kLanes <= ld; k += 2 * kLanes) {
    even = Simd::multiply_add(Simd::load(a + k), Simd::load(b + k), even);
    odd = Simd::multiply_add(Simd::load(a + k + kLanes), Simd::load(b + k + kLanes), odd);
  }
  if (k < ld) even = Simd::multiply_add(Simd::load(a + k), Simd::load(b + k), even);
  return Simd::sum(Simd::add(even, odd));
}

void cross_forward(float* out, float* scales, const float* x, const float* weights, const float* biases,
                   int64_t B, const CrossShape& shape) {
  const auto [L, K, ld] = shape;
  for (int64_t b = 0; b < B; b++, out += ld, x += ld, scales += L) {
    const float* current = x;
    for (int64_t l = 0; l < L; l++, current = out) {
      scales[l] = dot(current, weights + l * ld, ld);
      const Simd::Floats scale = Simd::set(scales[l]);
      for (int64_t k = 0; k < ld; k += kLanes) {
        const Simd::Floats sum = Simd::add(Simd::load(biases + l * ld + k), Simd::load(current + k));
        Simd::store(out + k, Simd::multiply_add(Simd::load(x + k), scale, sum));
      }
    }
  }
}

void cross_backward(float* dx, float* dweights, float* dbiases, const float* dout, const float* scales,
                    const float* x, const float* weights, const float* bias_sums, float* scratch, int64_t B,
                    const CrossShape& shape) {
  const auto [L, K, ld] = shape;
  for (int64_t b = 0; b < B; b++, x += ld, dout += ld, scales += L) {
    float* g = scratch;
    std::copy_n(dout, ld, g);
    if (dx) std::fill_n(dx, ld, 0.0f);
    for (int64_t l = L - 1; l >= 0; l--) {
      float before = 1;
      for (int64_t i = 0; i < l; i++) before += scales[i];
      const Simd::Floats factor = Simd::set(before), scale = Simd::set(scales[l]);
      const Simd::Floats ds = Simd::set(dot(g, x, ld));
      float* dw = dweights + l * ld;
      float* db = dbiases + l * ld;
      for (int64_t k = 0; k < ld; k += kLanes) {
        const Simd::Floats gradient = Simd::load(g + k);
        const Simd::Floats at =
            Simd::multiply_add(Simd::load(x + k), factor, Simd::load(bias_sums + l * ld + k));
        Simd::store(db + k, Simd::add(Simd::load(db + k), gradient));
        Simd::store(dw + k, Simd::multiply_add(ds, at, Simd::load(dw + k)));
        if (dx) Simd::store(dx + k, Simd::multiply_add(gradient, scale, Simd::load(dx + k)));
        Simd::store(g + k, Simd::multiply_add(ds, Simd::load(weights + l * ld + k), gradient));
      }
    }
    if (!dx) continue;
    for (int64_t k = 0; k < ld; k += kLanes) {
      Simd::store(dx + k, Simd::add(Simd::load(dx + k), Simd::load(g + k)));
    }
    dx += ld;
  }
}

constexpr CrossKernels kCrossSimd = {cross_forward, cross_backward};

}  // namespace
}  // namespace pss
