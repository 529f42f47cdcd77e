#include <algorithm>
#include <cstring>

#include "base/simd_avx512.h"
#include "ops/dot_interaction/ask_ahead.h"
#include "ops/dot_interaction/dot_interaction.h"
#include "ops/dot_interaction/sum_sixteen.h"

namespace pss {

namespace {

constexpr int64_t kLanes = Simd::kLanes;
constexpr Simd::Mask kWhole = 0xFFFF;

// Masked stores take many times as long as plain ones, so whole vectors do without.
template <typename Number>
inline void store(Number* to, Simd::Mask mask, __m512 value) {
  if (mask == kWhole) {
    Simd::store(to, value);
  } else {
    Simd::store(mask, to, value);
  }
}

// gram[4, 4] (rows `ld` apart) = x[4, 2*words] * y[4, 2*words]^T, in sixteen accumulators.
inline void gram_tile(float* gram, int64_t ld, const uint32_t* x, const uint32_t* y, int64_t words) {
  __m512 sums[16];
#pragma GCC unroll 16
  for (int k = 0; k < 16; k++) sums[k] = Simd::zero();
  for (int64_t d = 0; d < words; d += 16) {
    __m512i rows[4], columns[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
      rows[k] = _mm512_load_si512(x + k * words + d);
      columns[k] = _mm512_load_si512(y + k * words + d);
    }
#pragma GCC unroll 16
    for (int k = 0; k < 16; k++) sums[k] = Simd::accumulate(Bf16{}, sums[k], rows[k / 4], columns[k % 4]);
  }
  store_gram_tile(gram, ld, sum_sixteen(sums));
}

// The packed triangle, row by row. A row's vectors are stored whole while the rows behind it are sure to
// overwrite what is too much.
struct Triangle {
  Bf16* row;    // row i begins here
  int64_t i;    // at least 1
  int64_t end;  // V

  void store_next(int64_t vectors, const auto& vector) {
    const int64_t behind = (end * (end - 1) - i * (i + 1)) / 2;
    for (int64_t v = 0; v < vectors; v++) {
      const int64_t j = v * kLanes;
      store(row + j, behind >= kLanes ? kWhole : Simd::mask(i - j), vector(v));
    }
    row += i++;
  }
};

void tiles_forward(Bf16* pairs, const uint32_t* vectors, float* gram, const InteractionShape& shape,
                   LookAhead& next) {
  const int64_t Vp = shape.Vp, words = shape.Dr / 2, ld = pad_to_vector(Vp);
  const int64_t blocks = Vp / 4;
  const int64_t share = next.count / (blocks * (blocks + 1) / 2) + 1;
  for (int64_t i = 0; i < Vp; i += 4) {
    for (int64_t j = 0; j <= i; j += 4) {
      ask(next, share);
      gram_tile(gram + i * ld + j, ld, vectors + i * words, vectors + j * words, words);
    }
  }
  Triangle triangle{pairs, 1, shape.V};
  while (triangle.i < shape.V) {
    const float* row = gram + triangle.i * ld;
    triangle.store_next((triangle.i + kLanes - 1) / kLanes,
                        [&](int64_t v) { return Simd::load(row + v * kLanes); });
  }
}

// Short vectors end in as many sums across lanes as they have products. With a vector in every lane there are
// none: rows of the triangle are products of a vector's words with columns [word, vector].
constexpr int64_t kMostWords = kShortNumbers / 2;

// Eight words of kShortVectors vectors at a time, those of two vectors side by side. Lanes behind V hold
// copies of the last vector, which nobody reads.
void transpose_short(uint32_t* columns, const uint32_t* vectors, const InteractionShape& shape) {
  constexpr int64_t kHalf = kLanes / 2;
  const int64_t words = shape.Dr / 2;
  for (int64_t k = 0; 2 * k < shape.D; k += kHalf) {
    const auto half = [&](int64_t j) {
      const uint32_t* from = vectors + std::min(j, shape.V - 1) * words + k;
      return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
    };
    Simd::Words rows[kLanes];
    for (int64_t j = 0; j < kLanes; j++) {
      rows[j] = _mm512_inserti64x4(_mm512_castsi256_si512(half(j)), half(j + kLanes), 1);
    }
    Simd::transpose(rows);
    for (int64_t r = 0; r < kHalf; r++) {
      Simd::store_words(columns + (k + r) * kShortVectors, rows[r]);
      Simd::store_words(columns + (k + r) * kShortVectors + kLanes, rows[kHalf + r]);
    }
  }
}

// The next R rows of the triangle, or as many as are left, each N vectors long.
template <int R, int N>
void short_rows(Triangle& triangle, const uint32_t* columns, const uint32_t* vectors,
                const InteractionShape& shape) {
  const int64_t words = shape.Dr / 2, first = triangle.i;
  const uint32_t* rows[R];
  __m512 sums[R][N];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    rows[r] = vectors + std::min(first + r, shape.V - 1) * words;
#pragma GCC unroll 2
    for (int n = 0; n < N; n++) sums[r][n] = Simd::zero();
  }
  for (int64_t k = 0; 2 * k < shape.D; k++, columns += kShortVectors) {
    Simd::Words column[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; n++) column[n] = Simd::load_words(columns + n * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const Simd::Words word = Simd::set_word(rows[r][k]);
#pragma GCC unroll 2
      for (int n = 0; n < N; n++) sums[r][n] = Simd::accumulate(Bf16{}, sums[r][n], word, column[n]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    if (first + r < shape.V) triangle.store_next(N, [&](int64_t v) { return sums[r][v]; });
  }
}

void short_forward(Bf16* pairs, const uint32_t* vectors, const InteractionShape& shape, LookAhead& next) {
  alignas(64) uint32_t columns[kMostWords * kShortVectors];
  const int64_t share = next.count / 4 + 1;
  ask(next, share);
  transpose_short(columns, vectors, shape);
  Triangle triangle{pairs, 1, shape.V};
  while (triangle.i < shape.V) {
    ask(next, share);
    if (triangle.i <= kLanes) {
      short_rows<8, 1>(triangle, columns, vectors, shape);
    } else {
      short_rows<5, 2>(triangle, columns, vectors, shape);
    }
  }
}

// words[p, d], p < Vp/2: number d of vectors 2p and 2p + 1.
void join_vectors(uint32_t* words, const Bf16* vectors, const InteractionShape& shape) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                                         22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const auto half = [&](const Bf16* at) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(at)); };
  for (int64_t p = 0; p < shape.Vp / 2; p++, vectors += 2 * shape.Dr, words += shape.Dr) {
    for (int64_t d = 0; d < shape.D; d += kLanes) {
      const __m512i even = _mm512_castsi256_si512(half(vectors + d));
      const __m512i both = _mm512_inserti64x4(even, half(vectors + shape.Dr + d), 1);
      Simd::store_words(words + d, _mm512_permutexvar_epi16(order, both));
    }
  }
}

// Numbers [j, j + 16) of row i of the packed triangle, zeros from j = i on, each in the lower half of a word.
inline __m512i triangle_words(const Bf16* triangle, int64_t i, int64_t j) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(Simd::mask(i - j), triangle + i * (i - 1) / 2 + j));
}

// S from its packed strict lower triangle: gradients[p, i] = (S[2p][i], S[2p+1][i]) for i < ld, ld being Vp
// padded to vectors. For i beyond 2p these two are neighbours in row i of the triangle, and a transposition
// makes columns of rows; for i before, they lie one above the other. Either is zero where the other isn't.
void spread_triangle(uint32_t* gradients, const Bf16* triangle, const InteractionShape& shape) {
  const int64_t ld = pad_to_vector(shape.Vp), pairs = shape.Vp / 2;
  const auto in_row = [&](int64_t i, int64_t j) {
    const int64_t count = i < shape.V ? std::clamp<int64_t>(i - j, 0, 2 * kLanes) : 0;
    const auto mask = static_cast<__mmask32>((uint64_t{1} << count) - 1);
    return _mm512_maskz_loadu_epi16(mask, triangle + i * (i - 1) / 2 + j);
  };
  for (int64_t i = 0; i < ld; i += kLanes) {
    for (int64_t p = 0; p < pairs; p += kLanes) {
      Simd::Words words[kLanes];
      for (int64_t r = 0; r < kLanes; r++) words[r] = in_row(i + r, 2 * p);
      Simd::transpose(words);
      for (int64_t k = 0; k < std::min(kLanes, pairs - p); k++) {
        const int64_t row = 2 * (p + k);
        const __m512i low = row < shape.V ? triangle_words(triangle, row, i) : __m512i{};
        const __m512i high = row + 1 < shape.V ? triangle_words(triangle, row + 1, i) : __m512i{};
        const __m512i column = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
        Simd::store_words(gradients + (p + k) * ld + i, _mm512_or_si512(words[k], column));
      }
    }
  }
}

// Rows [i0, i0 + R) of dv, floats [d, d + 16*N): sums over pairs of vectors.
struct BackwardArgs {
  const uint32_t* vectors;    // [Vp/2, Dr]: see join_vectors
  const uint32_t* gradients;  // [Vp/2, ld]: see spread_triangle
  const Bf16* dout;
  int64_t D, Dr, ld, pairs;
};

template <int R, int N, typename Bottom, typename Slots>
inline void backward_block(Bottom* dbottom, Slots* dslots, const BackwardArgs& a, int64_t i0, int64_t d) {
  __m512 sums[R][N];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) sums[r][n] = Simd::zero();
  }
  const uint32_t* vectors = a.vectors + d;
  const uint32_t* gradients = a.gradients + i0;
  for (int64_t p = 0; p < a.pairs; p++, vectors += a.Dr, gradients += a.ld) {
    __m512i v[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) v[n] = _mm512_load_si512(vectors + 16 * n);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const __m512i weight = Simd::set_word(gradients[r]);
#pragma GCC unroll 4
      for (int n = 0; n < N; n++) sums[r][n] = Simd::accumulate(Bf16{}, sums[r][n], weight, v[n]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) {
      const int64_t at = d + 16 * n;
      const Simd::Mask mask = Simd::mask(a.D - at);
      if (i0 + r == 0) {
        store(dbottom + at, mask, Simd::add(sums[r][n], Simd::load(mask, a.dout + at)));
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

void round_floats_avx512bf16(Bf16* to, const float* from, int64_t n) {
  for (int64_t d = 0; d < n; d += kLanes) {
    const Simd::Mask mask = Simd::mask(n - d);
    store(to + d, mask, Simd::load(mask, from + d));
  }
}

void dot_forward_avx512bf16(Bf16* pairs, const Bf16* vectors, float* scratch, const InteractionShape& shape,
                            LookAhead next) {
  const auto* words = reinterpret_cast<const uint32_t*>(vectors);
  if (shape.is_short()) {
    short_forward(pairs, words, shape, next);
  } else {
    tiles_forward(pairs, words, scratch, shape, next);
  }
}

void dot_backward_avx512bf16(const Matrix& dbottom, const Matrix& dslots, const Bf16* vectors, float* scratch,
                             const Bf16* dout, const InteractionShape& shape) {
  const int64_t pairs = shape.Vp / 2;
  auto* words = reinterpret_cast<uint32_t*>(scratch);
  uint32_t* gradients = words + pairs * shape.Dr;
  join_vectors(words, vectors, shape);
  spread_triangle(gradients, dout + shape.D, shape);
  const BackwardArgs args{words, gradients, dout, shape.D, shape.Dr, pad_to_vector(shape.Vp), pairs};
  visit_rows(dbottom, 0, [&](auto* bottom) {
    visit_rows(dslots, 0, [&](auto* slots) { backward(bottom, slots, args, shape.V); });
  });
}

}  // namespace pss
