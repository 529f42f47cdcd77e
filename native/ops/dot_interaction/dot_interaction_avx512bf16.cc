#include <immintrin.h>

#include <cstring>

#include "ops/dot_interaction/ask_ahead.h"
#include "ops/dot_interaction/dot_interaction.h"
#include "ops/dot_interaction/sum_sixteen.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

inline void store(float* to, __mmask16 mask, __m512 value) {
  _mm512_mask_storeu_ps(to, mask, value);
}
inline void store(Bf16* to, __mmask16 mask, __m512 value) {
  _mm256_mask_storeu_epi16(to, mask, (__m256i)_mm512_cvtneps_pbh(value));
}

inline __m512 load(__mmask16 mask, const Bf16* from) {
  const __m256i half = _mm256_maskz_loadu_epi16(mask, from);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

inline int32_t pair_at(const Bf16* from) {
  int32_t pair;
  std::memcpy(&pair, from, sizeof pair);
  return pair;
}

// gram[4, 4] (rows `ld` apart) = x[4, 2*words] * y[4, 2*words]^T, in sixteen accumulators.
inline void gram_tile(float* gram, int64_t ld, const uint32_t* x, const uint32_t* y, int64_t words) {
  __m512 sums[16];
#pragma GCC unroll 16
  for (int k = 0; k < 16; k++) sums[k] = _mm512_setzero_ps();
  for (int64_t d = 0; d < words; d += 16) {
    __m512i rows[4], columns[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
      rows[k] = _mm512_load_si512(x + k * words + d);
      columns[k] = _mm512_load_si512(y + k * words + d);
    }
#pragma GCC unroll 16
    for (int k = 0; k < 16; k++) {
      sums[k] = _mm512_dpbf16_ps(sums[k], (__m512bh)rows[k / 4], (__m512bh)columns[k % 4]);
    }
  }
  store_gram_tile(gram, ld, sum_sixteen(sums));
}

// Rows [i0, i0 + R) of dv, floats [d, d + 16*N): sums over pairs of vectors, whose gradients lie in a row of
// S.
struct BackwardArgs {
  const uint32_t* vectors;  // [Vp/2, Dp]: word (p, d) holds float d of vectors 2p and 2p + 1
  const Bf16* gradients;    // S [Vp, Vp]
  const Bf16* dout;
  int64_t D, Dp, pairs;
};

template <int R, int N, typename Bottom, typename Slots>
void backward_block(Bottom* dbottom, Slots* dslots, const BackwardArgs& a, int64_t i0, int64_t d) {
  __m512 sums[R][N];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) sums[r][n] = _mm512_setzero_ps();
  }
  const uint32_t* vectors = a.vectors + d;
  for (int64_t p = 0; p < a.pairs; p++, vectors += a.Dp) {
    __m512i v[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) v[n] = _mm512_load_si512(vectors + 16 * n);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const __m512i weight = _mm512_set1_epi32(pair_at(a.gradients + 2 * ((i0 + r) * a.pairs + p)));
#pragma GCC unroll 4
      for (int n = 0; n < N; n++) sums[r][n] = _mm512_dpbf16_ps(sums[r][n], (__m512bh)weight, (__m512bh)v[n]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) {
      const int64_t at = d + 16 * n;
      const __mmask16 mask = lanes(a.D - at);
      if (i0 + r == 0) {
        store(dbottom + at, mask, _mm512_add_ps(sums[r][n], load(mask, a.dout + at)));
      } else {
        store(dslots + (i0 + r - 1) * a.D + at, mask, sums[r][n]);
      }
    }
  }
}

template <int R, int N, typename Bottom, typename Slots>
void backward_columns(Bottom* dbottom, Slots* dslots, const BackwardArgs& a, int64_t V, int64_t d,
                      LookAhead& next, int64_t share) {
  int64_t i0 = 0;
  for (; i0 + R <= V; i0 += R) {
    ask(next, share);
    backward_block<R, N>(dbottom, dslots, a, i0, d);
  }
  for (; i0 < V; i0++) backward_block<1, N>(dbottom, dslots, a, i0, d);
}

template <typename Bottom, typename Slots>
void backward(Bottom* dbottom, Slots* dslots, const BackwardArgs& a, int64_t V, LookAhead next) {
  const int64_t share = next.count / ((a.Dp + 63) / 64 * (V / 6 + 1)) + 1;
  int64_t d = 0;
  for (; d + 64 <= a.Dp; d += 64) backward_columns<6, 4>(dbottom, dslots, a, V, d, next, share);
  for (; d < a.Dp; d += 16) backward_columns<9, 1>(dbottom, dslots, a, V, d, next, share);
}

}  // namespace

void dot_forward_avx512bf16(Bf16* pairs, const float* vectors, float* scratch, const InteractionShape& shape,
                            LookAhead next) {
  const int64_t Vp = shape.Vp, Dp = shape.Dp, V = shape.V;
  const int64_t words = (Dp + 31) / 32 * 16, ld = (Vp + 15) / 16 * 16;
  auto* halves = reinterpret_cast<uint32_t*>(scratch + Vp * ld);
  for (int64_t i = 0; i < Vp; i++) {
    for (int64_t d = 0; d < Dp; d += 32) {
      const __m512 low = _mm512_load_ps(vectors + i * Dp + d);
      const __m512 high = d + 16 < Dp ? _mm512_load_ps(vectors + i * Dp + d + 16) : _mm512_setzero_ps();
      _mm512_store_si512(halves + i * words + d / 2, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
  }
  const int64_t blocks = Vp / 4;
  const int64_t share = next.count / (blocks * (blocks + 1) / 2) + 1;
  for (int64_t i = 0; i < Vp; i += 4) {
    for (int64_t j = 0; j <= i; j += 4) {
      ask(next, share);
      gram_tile(scratch + i * ld + j, ld, halves + i * words, halves + j * words, words);
    }
  }
  for (int64_t i = 1; i < V; i++) {
    for (int64_t j = 0; j < i; j += 16) {
      store(pairs + j, lanes(i - j), _mm512_load_ps(scratch + i * ld + j));
    }
    pairs += i;
  }
}

void dot_backward_avx512bf16(const Matrix& dbottom, const Matrix& dslots, const float* vectors,
                             float* scratch, const Bf16* dout, const InteractionShape& shape,
                             LookAhead next) {
  const int64_t Vp = shape.Vp, Dp = shape.Dp, V = shape.V, pairs = Vp / 2;
  auto* words = reinterpret_cast<uint32_t*>(scratch);
  auto* gradients = reinterpret_cast<Bf16*>(words + pairs * Dp);
  const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                              23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  for (int64_t p = 0; p < pairs; p++) {
    const float* even = vectors + 2 * p * Dp;
    for (int64_t d = 0; d < Dp; d += 16) {
      const __m512i joined =
          (__m512i)_mm512_cvtne2ps_pbh(_mm512_load_ps(even + Dp + d), _mm512_load_ps(even + d));
      _mm512_store_si512(words + p * Dp + d, _mm512_permutexvar_epi16(interleave, joined));
    }
  }
  const Bf16* row = dout + shape.D;
  for (int64_t i = 0; i < V; row += i++) {
    Bf16* to = gradients + i * Vp;
    for (int64_t j = 0; j < i; j++) to[j] = gradients[j * Vp + i] = row[j];
    to[i] = {0};
    for (int64_t j = V; j < Vp; j++) to[j] = {0};
  }
  const BackwardArgs args{words, gradients, dout, shape.D, Dp, pairs};
  visit_rows(dbottom, 0, [&](auto* bottom) {
    visit_rows(dslots, 0, [&](auto* slots) { backward(bottom, slots, args, V, next); });
  });
}

}  // namespace pss
