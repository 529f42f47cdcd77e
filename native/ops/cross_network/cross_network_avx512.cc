#include <immintrin.h>

#include <algorithm>

#include "ops/cross_network/cross_network.h"

namespace pss {

namespace {

// Rows are whole vectors, their padding zero.
float dot(const float* a, const float* b, int64_t ld) {
  __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
  int64_t k = 0;
  for (; k + 32 <= ld; k += 32) {
    even = _mm512_fmadd_ps(_mm512_loadu_ps(a + k), _mm512_loadu_ps(b + k), even);
    odd = _mm512_fmadd_ps(_mm512_loadu_ps(a + k + 16), _mm512_loadu_ps(b + k + 16), odd);
  }
  if (k < ld) even = _mm512_fmadd_ps(_mm512_loadu_ps(a + k), _mm512_loadu_ps(b + k), even);
  return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

}  // namespace

void cross_forward_avx512(float* out, float* scales, const float* x, const float* weights,
                          const float* biases, int64_t B, const CrossShape& shape) {
  const auto [L, K, ld] = shape;
  for (int64_t b = 0; b < B; b++, out += ld, x += ld, scales += L) {
    const float* current = x;
    for (int64_t l = 0; l < L; l++, current = out) {
      scales[l] = dot(current, weights + l * ld, ld);
      const __m512 scale = _mm512_set1_ps(scales[l]);
      for (int64_t k = 0; k < ld; k += 16) {
        const __m512 sum = _mm512_add_ps(_mm512_loadu_ps(biases + l * ld + k), _mm512_loadu_ps(current + k));
        _mm512_storeu_ps(out + k, _mm512_fmadd_ps(_mm512_loadu_ps(x + k), scale, sum));
      }
    }
  }
}

void cross_backward_avx512(float* dx, float* dweights, float* dbiases, const float* dout, const float* scales,
                           const float* x, const float* weights, const float* bias_sums, float* scratch,
                           int64_t B, const CrossShape& shape) {
  const auto [L, K, ld] = shape;
  for (int64_t b = 0; b < B; b++, x += ld, dout += ld, scales += L) {
    float* g = scratch;
    std::copy_n(dout, ld, g);
    if (dx) std::fill_n(dx, ld, 0.0f);
    for (int64_t l = L - 1; l >= 0; l--) {
      float before = 1;
      for (int64_t i = 0; i < l; i++) before += scales[i];
      const __m512 factor = _mm512_set1_ps(before), scale = _mm512_set1_ps(scales[l]);
      const __m512 ds = _mm512_set1_ps(dot(g, x, ld));
      float* dw = dweights + l * ld;
      float* db = dbiases + l * ld;
      for (int64_t k = 0; k < ld; k += 16) {
        const __m512 gradient = _mm512_loadu_ps(g + k);
        const __m512 at =
            _mm512_fmadd_ps(_mm512_loadu_ps(x + k), factor, _mm512_loadu_ps(bias_sums + l * ld + k));
        _mm512_storeu_ps(db + k, _mm512_add_ps(_mm512_loadu_ps(db + k), gradient));
        _mm512_storeu_ps(dw + k, _mm512_fmadd_ps(ds, at, _mm512_loadu_ps(dw + k)));
        if (dx) _mm512_storeu_ps(dx + k, _mm512_fmadd_ps(gradient, scale, _mm512_loadu_ps(dx + k)));
        _mm512_storeu_ps(g + k, _mm512_fmadd_ps(ds, _mm512_loadu_ps(weights + l * ld + k), gradient));
      }
    }
    if (!dx) continue;
    for (int64_t k = 0; k < ld; k += 16) {
      _mm512_storeu_ps(dx + k, _mm512_add_ps(_mm512_loadu_ps(dx + k), _mm512_loadu_ps(g + k)));
    }
    dx += ld;
  }
}

}  // namespace pss
