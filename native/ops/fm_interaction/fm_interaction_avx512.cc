#include <immintrin.h>

#include "ops/fm_interaction/fm_interaction.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

}  // namespace

float fm_forward_avx512(const float* slots, int64_t F, int64_t D) {
  __m512 out = _mm512_setzero_ps();
  for (int64_t d = 0; d < D; d += 16) {
    const __mmask16 mask = lanes(D - d);
    __m512 sum = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
    for (int64_t f = 0; f < F; f++) {
      const __m512 e = _mm512_maskz_loadu_ps(mask, slots + f * D + d);
      sum = _mm512_add_ps(sum, e);
      squares = _mm512_fmadd_ps(e, e, squares);
    }
    out = _mm512_add_ps(out, _mm512_fmsub_ps(sum, sum, squares));
  }
  return _mm512_reduce_add_ps(out) / 2;
}

void fm_backward_avx512(float* dslots, const float* slots, float dout, int64_t F, int64_t D) {
  const __m512 scale = _mm512_set1_ps(dout);
  for (int64_t d = 0; d < D; d += 16) {
    const __mmask16 mask = lanes(D - d);
    __m512 sum = _mm512_setzero_ps();
    for (int64_t f = 0; f < F; f++) {
      sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, slots + f * D + d));
    }
    for (int64_t f = 0; f < F; f++) {
      const __m512 e = _mm512_maskz_loadu_ps(mask, slots + f * D + d);
      _mm512_mask_storeu_ps(dslots + f * D + d, mask, _mm512_mul_ps(scale, _mm512_sub_ps(sum, e)));
    }
  }
}

}  // namespace pss
