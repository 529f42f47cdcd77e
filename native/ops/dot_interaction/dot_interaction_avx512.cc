#include <immintrin.h>

#include "ops/dot_interaction/ask_ahead.h"
#include "ops/dot_interaction/dot_interaction.h"
#include "ops/dot_interaction/sum_sixteen.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

// gram[4, 4] (rows `ld` apart) = x[4, Dp] * y[4, Dp]^T, in sixteen accumulators.
inline void gram_tile(float* gram, int64_t ld, const float* x, const float* y, int64_t Dp) {
  __m512 sums[16];
#pragma GCC unroll 16
  for (int k = 0; k < 16; k++) sums[k] = _mm512_setzero_ps();
  for (int64_t d = 0; d < Dp; d += 16) {
    __m512 rows[4], columns[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
      rows[k] = _mm512_load_ps(x + k * Dp + d);
      columns[k] = _mm512_load_ps(y + k * Dp + d);
    }
#pragma GCC unroll 16
    for (int k = 0; k < 16; k++) sums[k] = _mm512_fmadd_ps(rows[k / 4], columns[k % 4], sums[k]);
  }
  store_gram_tile(gram, ld, sum_sixteen(sums));
}

// One block of the backward: rows [i0, i0 + R) of dv, floats [d, d + 16*N), kept in R*N accumulators while
// all V vectors stream by. The gradient of pair (i, j) is read where dout has it, in row max(i, j) of the
// packed triangle, so the symmetric matrix is never built.
struct BackwardArgs {
  float* dbottom;
  float* dslots;
  const float* vectors;
  const float* dout;
  int64_t V, D, Dp;
};

inline const float* pair_row(const BackwardArgs& a, int64_t i) {
  return a.dout + a.D + i * (i - 1) / 2;
}

template <int R, int N>
inline void add_row(__m512 (&sums)[R][N], const float* const (&weights)[R], int64_t step,
                    const float* vector) {
  __m512 v[N];
#pragma GCC unroll 4
  for (int n = 0; n < N; n++) v[n] = _mm512_load_ps(vector + 16 * n);
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    const __m512 weight = _mm512_set1_ps(weights[r][step]);
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) sums[r][n] = _mm512_fmadd_ps(weight, v[n], sums[r][n]);
  }
}

template <int R, int N>
void backward_block(const BackwardArgs& a, int64_t i0, int64_t d) {
  __m512 sums[R][N];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) sums[r][n] = _mm512_setzero_ps();
  }
  const float* vector = a.vectors + d;
  const float* weights[R];
  // Vectors before the block: weights lie along the block's own rows of the triangle.
  for (int r = 0; r < R; r++) weights[r] = pair_row(a, i0 + r);
  for (int64_t j = 0; j < i0; j++, vector += a.Dp) add_row<R, N>(sums, weights, j, vector);
  // The block's own vectors: a small symmetric matrix with a zero diagonal.
  float own[R][R];
  for (int r = 0; r < R; r++) {
    own[r][r] = 0;
    for (int k = 0; k < r; k++) own[r][k] = own[k][r] = pair_row(a, i0 + r)[i0 + k];
    weights[r] = own[r];
  }
  for (int64_t j = 0; j < R; j++, vector += a.Dp) add_row<R, N>(sums, weights, j, vector);
  // Vectors behind the block: weights lie side by side in row j.
  for (int64_t j = i0 + R; j < a.V; j++, vector += a.Dp) {
    for (int r = 0; r < R; r++) weights[r] = pair_row(a, j) + i0 + r;
    add_row<R, N>(sums, weights, 0, vector);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    float* dv = (i0 + r == 0 ? a.dbottom : a.dslots + (i0 + r - 1) * a.D) + d;
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) {
      const __mmask16 mask = lanes(a.D - d - 16 * n);
      if (i0 + r == 0) {
        sums[r][n] = _mm512_add_ps(sums[r][n], _mm512_maskz_loadu_ps(mask, a.dout + d + 16 * n));
      }
      _mm512_mask_storeu_ps(dv + 16 * n, mask, sums[r][n]);
    }
  }
}

// The block with as many rows as are left, at most R.
template <int R, int N>
inline void backward_rows(const BackwardArgs& a, int64_t i0, int64_t d) {
  if constexpr (R == 1) {
    backward_block<1, N>(a, i0, d);
  } else if (a.V - i0 >= R) {
    backward_block<R, N>(a, i0, d);
  } else {
    backward_rows<R - 1, N>(a, i0, d);
  }
}

// R*N accumulators, N vectors of a row and a weight stay within the 32 registers.
template <int R, int N>
void backward_columns(const BackwardArgs& a, int64_t d, LookAhead& next, int64_t share) {
  for (int64_t i0 = 0; i0 < a.V; i0 += R) {
    ask(next, share);
    backward_rows<R, N>(a, i0, d);
  }
}

}  // namespace

void dot_forward_avx512(float* pairs, const float* vectors, float* scratch, const InteractionShape& shape,
                        LookAhead next) {
  const int64_t Vp = shape.Vp, Dp = shape.Dp, V = shape.V;
  const int64_t ld = (Vp + 15) / 16 * 16;
  const int64_t blocks = Vp / 4;
  const int64_t share = next.count / (blocks * (blocks + 1) / 2) + 1;
  for (int64_t i = 0; i < Vp; i += 4) {
    for (int64_t j = 0; j <= i; j += 4) {
      ask(next, share);
      gram_tile(scratch + i * ld + j, ld, vectors + i * Dp, vectors + j * Dp, Dp);
    }
  }
  for (int64_t i = 1; i < V; i++) {
    for (int64_t j = 0; j < i; j += 16) {
      _mm512_mask_storeu_ps(pairs + j, lanes(i - j), _mm512_load_ps(scratch + i * ld + j));
    }
    pairs += i;
  }
}

void dot_backward_avx512(float* dbottom, float* dslots, const float* vectors, const float* dout,
                         const InteractionShape& shape, LookAhead next) {
  const BackwardArgs args{dbottom, dslots, vectors, dout, shape.V, shape.D, shape.Dp};
  const int64_t share = next.count / ((shape.Dp + 63) / 64 * ((shape.V + 5) / 6)) + 1;
  int64_t d = 0;
  for (; d + 64 <= shape.Dp; d += 64) backward_columns<6, 4>(args, d, next, share);
  switch ((shape.Dp - d) / 16) {
    case 1:
      return backward_columns<14, 1>(args, d, next, share);
    case 2:
      return backward_columns<12, 2>(args, d, next, share);
    case 3:
      return backward_columns<8, 3>(args, d, next, share);
    default:
      return;
  }
}

}  // namespace pss
