#include <immintrin.h>

#include "ops/projection/projection.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

}  // namespace

void project_avx512(float* out, const float* in, const float* packed, int64_t d, int64_t D) {
  for (int64_t i = 0; i < D; i += 16) {
    const __mmask16 mask = lanes(D - i);
    __m512 sum = _mm512_setzero_ps();
    for (int64_t k = 0; k < d; k++) {
      sum = _mm512_fmadd_ps(_mm512_set1_ps(in[k]), _mm512_maskz_loadu_ps(mask, packed + k * D + i), sum);
    }
    _mm512_mask_storeu_ps(out + i, mask, sum);
  }
}

void project_backward_avx512(float* din, const float* dout, const float* packed, int64_t d, int64_t D) {
  for (int64_t k = 0; k < d; k++) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t i = 0; i < D; i += 16) {
      const __mmask16 mask = lanes(D - i);
      sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, dout + i),
                            _mm512_maskz_loadu_ps(mask, packed + k * D + i), sum);
    }
    din[k] = _mm512_reduce_add_ps(sum);
  }
}

void project_gradient_avx512(float* dpacked, const float* in, int64_t in_ld, const float* dout,
                             int64_t dout_ld, int64_t B, int64_t count, int64_t D) {
  // Eight rows of sums stay in registers over the whole batch.
  for (int64_t i = 0; i < D; i += 16) {
    const __mmask16 mask = lanes(D - i);
    __m512 sums[8];
    for (__m512& sum : sums) sum = _mm512_setzero_ps();
    for (int64_t b = 0; b < B; b++) {
      const __m512 gradient = _mm512_maskz_loadu_ps(mask, dout + b * dout_ld + i);
      for (int64_t k = 0; k < 8; k++) {
        const float value = k < count ? in[b * in_ld + k] : 0.0f;
        sums[k] = _mm512_fmadd_ps(_mm512_set1_ps(value), gradient, sums[k]);
      }
    }
    for (int64_t k = 0; k < count; k++) _mm512_mask_storeu_ps(dpacked + k * D + i, mask, sums[k]);
  }
}

}  // namespace pss
