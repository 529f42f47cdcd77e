#include <immintrin.h>

#include "ops/combine/combine.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

}  // namespace

void combine_avx512(float* out, const float* in, const float* signs, CombineKind kind, int64_t l, int64_t D) {
  for (int64_t i = 0; i < D; i += 16) {
    const __mmask16 mask = lanes(D - i);
    const auto vector = [&](int64_t c) {
      const __m512 v = _mm512_maskz_loadu_ps(mask, in + c * D + i);
      return signs ? _mm512_mul_ps(_mm512_set1_ps(signs[c]), v) : v;
    };
    __m512 value = vector(0);
    for (int64_t c = 1; c < l; c++) {
      value =
          kind == CombineKind::kProduct ? _mm512_mul_ps(value, vector(c)) : _mm512_add_ps(value, vector(c));
    }
    _mm512_mask_storeu_ps(out + i, mask, value);
  }
}

void combine_backward_avx512(float* din, const float* dout, const float* in, const float* signs,
                             CombineKind kind, int64_t l, int64_t D) {
  for (int64_t c = 0; c < l; c++) {
    for (int64_t i = 0; i < D; i += 16) {
      const __mmask16 mask = lanes(D - i);
      __m512 gradient = _mm512_maskz_loadu_ps(mask, dout + i);
      if (signs) gradient = _mm512_mul_ps(_mm512_set1_ps(signs[c]), gradient);
      for (int64_t other = 0; kind == CombineKind::kProduct && other < l; other++) {
        if (other == c) continue;
        gradient = _mm512_mul_ps(gradient, _mm512_maskz_loadu_ps(mask, in + other * D + i));
      }
      _mm512_mask_storeu_ps(din + c * D + i, mask, gradient);
    }
  }
}

}  // namespace pss
