#include <immintrin.h>

#include <algorithm>

#include "ops/senet/senet.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

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
    __m512 sum = _mm512_setzero_ps();
    for (int64_t d = 0; d < D; d += 16) {
      sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes(D - d), slots + f * D + d));
    }
    parts.z[f] = _mm512_reduce_add_ps(sum) * share;
  }
  const auto relu_dot = [](const float* a, const float* b, int64_t n) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += 16) {
      sum = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), sum);
    }
    return std::max(_mm512_reduce_add_ps(sum), 0.0f);
  };
  for (int64_t h = 0; h < H; h++) parts.a[h] = relu_dot(weights.first + h * Fp, parts.z, Fp);
  for (int64_t f = 0; f < F; f++) parts.s[f] = relu_dot(weights.second + f * Hp, parts.a, Hp);
  return parts;
}

// to[0..n) += factor * from[0..n), whole vectors.
inline void add_scaled(float* to, float factor, const float* from, int64_t n) {
  const __m512 scale = _mm512_set1_ps(factor);
  for (int64_t i = 0; i < n; i += 16) {
    _mm512_storeu_ps(to + i, _mm512_fmadd_ps(scale, _mm512_loadu_ps(from + i), _mm512_loadu_ps(to + i)));
  }
}

}  // namespace

void senet_forward_avx512(float* out, const float* slots, const SenetWeights& weights, float* scratch,
                          const SenetShape& shape) {
  const int64_t D = shape.D;
  const Parts parts = excite(slots, weights, scratch, shape);
  for (int64_t f = 0; f < shape.F; f++) {
    const __m512 scale = _mm512_set1_ps(parts.s[f]);
    for (int64_t d = 0; d < D; d += 16) {
      const __mmask16 mask = lanes(D - d);
      const __m512 e = _mm512_maskz_loadu_ps(mask, slots + f * D + d);
      _mm512_mask_storeu_ps(out + f * D + d, mask, _mm512_mul_ps(scale, e));
    }
  }
}

void senet_backward_avx512(float* dslots, float* dfirst, float* dsecond, const float* dout,
                           const float* slots, const SenetWeights& weights, float* scratch,
                           const SenetShape& shape) {
  const auto [F, D, H, Fp, Hp] = shape;
  const Parts parts = excite(slots, weights, scratch, shape);
  std::fill_n(parts.da, Hp, 0.0f);
  std::fill_n(parts.dz, Fp, 0.0f);
  for (int64_t f = 0; f < F; f++) {
    if (!(parts.s[f] > 0)) continue;
    __m512 sum = _mm512_setzero_ps();
    for (int64_t d = 0; d < D; d += 16) {
      const __mmask16 mask = lanes(D - d);
      sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, dout + f * D + d),
                            _mm512_maskz_loadu_ps(mask, slots + f * D + d), sum);
    }
    const float ds = _mm512_reduce_add_ps(sum);
    add_scaled(dsecond + f * Hp, ds, parts.a, Hp);
    add_scaled(parts.da, ds, weights.second + f * Hp, Hp);
  }
  for (int64_t h = 0; h < H; h++) {
    if (!(parts.a[h] > 0)) continue;
    add_scaled(dfirst + h * Fp, parts.da[h], parts.z, Fp);
    add_scaled(parts.dz, parts.da[h], weights.first + h * Fp, Fp);
  }
  for (int64_t f = 0; f < F; f++) {
    const __m512 scale = _mm512_set1_ps(parts.s[f]);
    const __m512 mean = _mm512_set1_ps(parts.dz[f] / static_cast<float>(D));
    for (int64_t d = 0; d < D; d += 16) {
      const __mmask16 mask = lanes(D - d);
      const __m512 gradient = _mm512_maskz_loadu_ps(mask, dout + f * D + d);
      _mm512_mask_storeu_ps(dslots + f * D + d, mask, _mm512_fmadd_ps(scale, gradient, mean));
    }
  }
}

}  // namespace pss
