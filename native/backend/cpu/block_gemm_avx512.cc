#include <immintrin.h>

#include <algorithm>

#include "backend/cpu/block_gemm.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << std::max(count, int64_t{0})) - 1);
}

// R rows by N vectors of C in registers; the last vector has the columns of `mask`.
template <int R, int N>
void tile(const BlockGemm& g, __mmask16 mask) {
  __m512 sums[R][N];
  const auto part = [&](int v) { return v + 1 < N ? static_cast<__mmask16>(0xFFFF) : mask; };
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < N; v++) {
      sums[r][v] = g.add ? _mm512_maskz_loadu_ps(part(v), g.c + r * g.c_ld + 16 * v) : _mm512_setzero_ps();
    }
  }
  const float* a = g.a;
  const float* b = g.b;
  for (int64_t k = 0; k < g.k; k++, a += g.a_col, b += g.b_ld) {
    __m512 row[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; v++) row[v] = _mm512_maskz_loadu_ps(part(v), b + 16 * v);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const __m512 value = _mm512_set1_ps(a[r * g.a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < N; v++) sums[r][v] = _mm512_fmadd_ps(value, row[v], sums[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < N; v++) _mm512_mask_storeu_ps(g.c + r * g.c_ld + 16 * v, part(v), sums[r][v]);
  }
}

// The tile with as many rows as are left, at most R.
template <int R, int N>
void last_rows(const BlockGemm& g, __mmask16 mask) {
  if constexpr (R == 1) {
    tile<1, N>(g, mask);
  } else if (g.m >= R) {
    tile<R, N>(g, mask);
  } else {
    last_rows<R - 1, N>(g, mask);
  }
}

// All rows of a panel of N vectors. R*N sums, N vectors of a row and a broadcast stay within 32 registers.
template <int R, int N>
void panel(BlockGemm g, __mmask16 mask) {
  while (g.m >= R) {
    tile<R, N>(g, mask);
    g.m -= R;
    g.a += R * g.a_row;
    g.c += R * g.c_ld;
  }
  if (g.m > 0) last_rows<R - 1, N>(g, mask);
}

// A part of the depth.
void slab(BlockGemm g) {
  for (; g.n > 64; g.n -= 64, g.b += 64, g.c += 64) panel<6, 4>(g, 0xFFFF);
  const int64_t vectors = (g.n + 15) / 16;
  const __mmask16 mask = lanes(g.n - (vectors - 1) * 16);
  switch (vectors) {
    case 1:
      return panel<16, 1>(g, mask);
    case 2:
      return panel<12, 2>(g, mask);
    case 3:
      return panel<9, 3>(g, mask);
    case 4:
      return panel<6, 4>(g, mask);
    default:
      return;
  }
}

// Transposes 16 x 16 floats held in registers, in four rounds of pairwise exchange.
inline void transpose16(__m512 (&r)[16]) {
  __m512 t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
      const __m512d a = _mm512_castps_pd(t[4 * i + j]), b = _mm512_castps_pd(t[4 * i + 2 + j]);
      r[4 * i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      r[4 * i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    t[j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
    t[4 + j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
    t[8 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
    t[12 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    r[j] = _mm512_shuffle_f32x4(t[j], t[8 + j], 0x88);
    r[8 + j] = _mm512_shuffle_f32x4(t[j], t[8 + j], 0xdd);
    r[4 + j] = _mm512_shuffle_f32x4(t[4 + j], t[12 + j], 0x88);
    r[12 + j] = _mm512_shuffle_f32x4(t[4 + j], t[12 + j], 0xdd);
  }
}

}  // namespace

void block_gemm_avx512(const BlockGemm& g) {
  BlockGemm part = g;
  for (int64_t k = 0; k == 0 || k < g.k; k += kGemmDepth) {
    part.k = std::min(kGemmDepth, g.k - k);
    slab(part);
    part.a += kGemmDepth * g.a_col;
    part.b += kGemmDepth * g.b_ld;
    part.add = true;
  }
}

void transpose_avx512(float* out, int64_t out_ld, const float* in, int64_t in_ld, int64_t rows,
                      int64_t cols) {
  for (int64_t r = 0; r < rows; r += 16) {
    const int64_t height = std::min<int64_t>(16, rows - r);
    for (int64_t c = 0; c < cols; c += 16) {
      const int64_t width = std::min<int64_t>(16, cols - c);
      __m512 block[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++) {
        block[i] =
            i < height ? _mm512_maskz_loadu_ps(lanes(width), in + (r + i) * in_ld + c) : _mm512_setzero_ps();
      }
      transpose16(block);
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++) {
        if (i < width) _mm512_mask_storeu_ps(out + (c + i) * out_ld + r, lanes(height), block[i]);
      }
    }
  }
}

}  // namespace pss
