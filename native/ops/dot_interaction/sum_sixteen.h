// Sums within sixteen registers at once, for tiles of dot products. For files compiled for AVX-512, each of
// which gets its own copy.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace pss {
namespace {

inline __m512 add_pairs(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
}

inline __m512 add_quads(__m512 a, __m512 b) {
  const __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
  return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)),
                       _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
}

inline __m512 add_quarters(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
}

// Lane k of the result is the sum of the lanes of a[k].
inline __m512 sum_sixteen(const __m512 (&a)[16]) {
  __m512 quads[4];
#pragma GCC unroll 4
  for (int k = 0; k < 4; k++) {
    quads[k] = add_quads(add_pairs(a[4 * k], a[4 * k + 1]), add_pairs(a[4 * k + 2], a[4 * k + 3]));
  }
  return add_quarters(add_quarters(quads[0], quads[1]), add_quarters(quads[2], quads[3]));
}

// Sixteen sums as a 4 x 4 tile of a matrix with rows `ld` apart.
inline void store_gram_tile(float* gram, int64_t ld, __m512 tile) {
  _mm_store_ps(gram, _mm512_castps512_ps128(tile));
  _mm_store_ps(gram + ld, _mm512_extractf32x4_ps(tile, 1));
  _mm_store_ps(gram + 2 * ld, _mm512_extractf32x4_ps(tile, 2));
  _mm_store_ps(gram + 3 * ld, _mm512_extractf32x4_ps(tile, 3));
}

}  // namespace
}  // namespace pss
