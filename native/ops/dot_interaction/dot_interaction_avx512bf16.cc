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
  const uint32_t* vectors;  // [Vp/2, Dr]: word (p, d) holds number d of vectors 2p and 2p + 1
  const Bf16* gradients;    // S [Vp, Vp]
  const Bf16* dout;
  int64_t D, Dr, pairs;
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
  for (int64_t p = 0; p < a.pairs; p++, vectors += a.Dr) {
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
void backward_columns(Bottom* dbottom, Slots* dslots, const BackwardArgs& a, int64_t V, int64_t d) {
  int64_t i0 = 0;
  for (; i0 + R <= V; i0 += R) backward_block<R, N>(dbottom, dslots, a, i0, d);
  for (; i0 + 3 <= V; i0 += 3) backward_block<3, N>(dbottom, dslots, a, i0, d);
  for (; i0 < V; i0++) backward_block<1, N>(dbottom, dslots, a, i0, d);
}

template <typename Bottom, typename Slots>
void backward(Bottom* dbottom, Slots* dslots, const BackwardArgs& a, int64_t V) {
  int64_t d = 0;
  for (; d + 64 <= a.Dr; d += 64) backward_columns<6, 4>(dbottom, dslots, a, V, d);
  for (; d < a.D; d += 16) backward_columns<9, 1>(dbottom, dslots, a, V, d);
}

}  // namespace

void round_vectors_avx512bf16(Bf16* rounded, const float* vectors, const InteractionShape& shape) {
  for (int64_t i = 0; i < shape.Vp; i++, vectors += shape.Dp, rounded += shape.Dr) {
    for (int64_t d = 0; d < shape.Dp; d += 32) {
      const __m512 low = _mm512_load_ps(vectors + d);
      const __m512 high = d + 16 < shape.Dp ? _mm512_load_ps(vectors + d + 16) : _mm512_setzero_ps();
      _mm512_store_si512(rounded + d, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
  }
}

void dot_forward_avx512bf16(Bf16* pairs, const Bf16* vectors, float* scratch, const InteractionShape& shape,
                            LookAhead next) {
  const int64_t Vp = shape.Vp, V = shape.V;
  const int64_t words = shape.Dr / 2, ld = (Vp + 15) / 16 * 16;
  const auto* halves = reinterpret_cast<const uint32_t*>(vectors);
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

void dot_backward_avx512bf16(const Matrix& dbottom, const Matrix& dslots, const Bf16* vectors, float* scratch,
                             const Bf16* dout, const InteractionShape& shape) {
  const int64_t Vp = shape.Vp, Dr = shape.Dr, V = shape.V, pairs = Vp / 2;
  auto* words = reinterpret_cast<uint32_t*>(scratch);
  auto* gradients = reinterpret_cast<Bf16*>(words + pairs * Dr);
  const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7,
                                         38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
  for (int64_t p = 0; p < pairs; p++) {
    const Bf16* even = vectors + 2 * p * Dr;
    for (int64_t d = 0; d < Dr; d += 32) {
      const __m512i a = _mm512_loadu_si512(even + d), b = _mm512_loadu_si512(even + Dr + d);
      _mm512_store_si512(words + p * Dr + d, _mm512_permutex2var_epi16(a, first, b));
      _mm512_store_si512(words + p * Dr + d + 16, _mm512_permutex2var_epi16(a, second, b));
    }
  }
  const Bf16* row = dout + shape.D;
  for (int64_t i = 0; i < V; row += i++) {
    Bf16* to = gradients + i * Vp;
    for (int64_t j = 0; j < i; j++) to[j] = gradients[j * Vp + i] = row[j];
    to[i] = {0};
    for (int64_t j = V; j < Vp; j++) to[j] = {0};
  }
  const BackwardArgs args{words, gradients, dout, shape.D, Dr, pairs};
  visit_rows(dbottom, 0, [&](auto* bottom) {
    visit_rows(dslots, 0, [&](auto* slots) { backward(bottom, slots, args, V); });
  });
}

}  // namespace pss
