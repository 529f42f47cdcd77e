#include <immintrin.h>

#include "ops/linear/linear.h"

namespace pss {

namespace {

// Transposes 16 x 16 floats held in registers, in four rounds of pairwise exchange.
inline void transpose16(__m512 r[16]) {
  __m512 t[16];
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 2; j++) {
      const __m512d a = _mm512_castps_pd(t[4 * i + j]), b = _mm512_castps_pd(t[4 * i + 2 + j]);
      r[4 * i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      r[4 * i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
  }
  for (int j = 0; j < 4; j++) {
    t[j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
    t[4 + j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
    t[8 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
    t[12 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
  }
  for (int j = 0; j < 4; j++) {
    r[j] = _mm512_shuffle_f32x4(t[j], t[8 + j], 0x88);
    r[8 + j] = _mm512_shuffle_f32x4(t[j], t[8 + j], 0xdd);
    r[4 + j] = _mm512_shuffle_f32x4(t[4 + j], t[12 + j], 0x88);
    r[12 + j] = _mm512_shuffle_f32x4(t[4 + j], t[12 + j], 0xdd);
  }
}

}  // namespace

// Four vectors of columns at a time: whole stretches of a row are read, and the sums stay in registers.
void mask_and_transpose_avx512(float* dy, float* dzt, float* dbias, const float* y, int64_t ld, int64_t B,
                               int64_t first, int64_t last) {
  constexpr int kVectors = 4;
  for (int64_t n = first; n < last; n += 16 * kVectors) {
    const int vectors = last - n < 16 * kVectors ? static_cast<int>((last - n) / 16) : kVectors;
    __m512 sums[kVectors] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                             _mm512_setzero_ps()};
    for (int64_t b = 0; b < B; b += 16) {
      const int rows = B - b < 16 ? static_cast<int>(B - b) : 16;
      const __mmask16 tail = static_cast<__mmask16>((1u << rows) - 1);
      for (int v = 0; v < vectors; v++) {
        __m512 dz[16];
        for (int i = 0; i < 16; i++) {
          if (i >= rows) {
            dz[i] = _mm512_setzero_ps();
            continue;
          }
          const int64_t at = (b + i) * ld + n + 16 * v;
          dz[i] = _mm512_loadu_ps(dy + at);
          if (y) {
            const __mmask16 alive =
                _mm512_cmp_ps_mask(_mm512_loadu_ps(y + at), _mm512_setzero_ps(), _CMP_GT_OQ);
            dz[i] = _mm512_maskz_mov_ps(alive, dz[i]);
            _mm512_storeu_ps(dy + at, dz[i]);
          }
          sums[v] = _mm512_add_ps(sums[v], dz[i]);
        }
        transpose16(dz);
        for (int i = 0; i < 16; i++) _mm512_mask_storeu_ps(dzt + (n + 16 * v + i) * B + b, tail, dz[i]);
      }
    }
    for (int v = 0; v < vectors; v++) _mm512_storeu_ps(dbias + n + 16 * v, sums[v]);
  }
}

void dot_rows_avx512(float* y, const float* x, int64_t ld, const float* weights, float bias, int64_t B,
                     int64_t K) {
  for (int64_t b = 0; b < B; b++) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t k = 0; k < K; k += 16) {
      sum = _mm512_fmadd_ps(_mm512_loadu_ps(x + b * ld + k), _mm512_loadu_ps(weights + k), sum);
    }
    y[b] = _mm512_reduce_add_ps(sum) + bias;
  }
}

void outer_rows_avx512(float* dx, float* dweights, const float* dy, const float* x, int64_t ld,
                       const float* weights, int64_t B, int64_t K) {
  for (int64_t k = 0; k < K; k += 16) {
    const __m512 w = _mm512_loadu_ps(weights + k);
    __m512 dw = _mm512_loadu_ps(dweights + k);
    for (int64_t b = 0; b < B; b++) {
      const __m512 d = _mm512_set1_ps(dy[b]);
      if (dx) _mm512_storeu_ps(dx + b * ld + k, _mm512_mul_ps(d, w));
      dw = _mm512_fmadd_ps(d, _mm512_loadu_ps(x + b * ld + k), dw);
    }
    _mm512_storeu_ps(dweights + k, dw);
  }
}

}  // namespace pss
