#include <immintrin.h>

#include "ops/embedding/addressing.h"

// This file touches the vectors of Addressing through data() alone, which leaves no shared code behind.
namespace pss {

namespace {

constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;
constexpr uint64_t kP = 2038074743, kA = 871205356, kB = 1825252241, kC = 634329019;

inline __m512i mix(__m512i z) {
  z = _mm512_xor_si512(z, _mm512_srli_epi64(z, 30));
  z = _mm512_mullo_epi64(z, _mm512_set1_epi64(static_cast<int64_t>(0xBF58476D1CE4E5B9)));
  z = _mm512_xor_si512(z, _mm512_srli_epi64(z, 27));
  z = _mm512_mullo_epi64(z, _mm512_set1_epi64(static_cast<int64_t>(0x94D049BB133111EB)));
  return _mm512_xor_si512(z, _mm512_srli_epi64(z, 31));
}

// floor(h * range / 2^64) for range < 2^32, from two 32 x 32 bit products.
inline __m256i multiply_high(__m512i h, __m512i range) {
  const __m512i low = _mm512_srli_epi64(_mm512_mul_epu32(h, range), 32);
  const __m512i high = _mm512_mul_epu32(_mm512_srli_epi64(h, 32), range);
  return _mm512_cvtepi64_epi32(_mm512_srli_epi64(_mm512_add_epi64(low, high), 32));
}

inline __mmask8 lanes(int64_t count) {
  return count >= 8 ? 0xFF : static_cast<__mmask8>((1u << count) - 1);
}

// Rows hashed before their chunks are: a few hundred bytes, which stay in the L1 cache.
constexpr int64_t kRows = 64;

// A place in a list that repeats, eight entries a step; seven of its entries are repeated behind its end.
struct Turn {
  int64_t at, length, step;
  void advance() {
    at += step;
    if (at >= length) at -= length;
  }
};

inline Turn turn_of(int64_t at, int64_t length) {
  return {at % length, length, 8 % length};
}

// Places for eight hashes: those of the chunks `turn` and after in the list of a sample's.
template <bool kOwnArrays>
inline void store_starts(uint32_t* starts, __mmask8 mask, __m512i h, const Addressing& a, int64_t turn) {
  __m256i places;
  if constexpr (kOwnArrays) {
    places = _mm256_add_epi32(multiply_high(h, _mm512_loadu_si512(a.ranges.data() + turn)),
                              _mm256_loadu_epi32(a.bases.data() + turn));
  } else {
    places = multiply_high(h, _mm512_set1_epi64(static_cast<int64_t>(a.range)));
  }
  _mm256_mask_storeu_epi32(starts, mask, places);
}

// Row hashes of `count` embeddings from (sample, table) number `first` on: the lanes are embeddings, of
// several samples where tables are few.
void hash_rows(uint64_t* rows, const uint32_t* ids, int64_t first, int64_t count, const Addressing& a) {
  const bool contiguous = !a.columns.data() && a.id_columns == a.T;
  const int32_t* columns = a.columns.data();
  const uint64_t* keys = a.table_keys.data();
  const int64_t T = a.T;
  Turn turn = turn_of(first, T);
  int64_t b = first / T, t = first % T;
  for (int64_t i = 0; i < count; i += 8, turn.advance()) {
    const __mmask8 mask = lanes(count - i);
    __m256i own;
    if (contiguous) {
      own = _mm256_maskz_loadu_epi32(mask, ids + first + i);
    } else {
      alignas(32) uint32_t picked[8] = {};
      for (int64_t lane = 0; lane < 8 && i + lane < count; lane++) {
        picked[lane] = ids[b * a.id_columns + (columns ? columns[t] : t)];
        if (++t == T) t = 0, b++;
      }
      own = _mm256_load_si256(reinterpret_cast<const __m256i*>(picked));
    }
    const __m512i key = _mm512_loadu_si512(keys + turn.at);
    _mm512_storeu_si512(rows + i, mix(_mm512_xor_si512(key, _mm512_cvtepu32_epi64(own))));
  }
}

// 1, 2, 4 or 8 chunks an embedding: a vector holds those of several embeddings.
template <bool kOwnArrays>
void hash_whole_rows(uint32_t* starts, const uint64_t* rows, int64_t first, int64_t count,
                     const Addressing& a) {
  const int64_t chunks = a.chunks;
  alignas(64) uint64_t row_of_lane[8], state_of_lane[8];
  for (int64_t lane = 0; lane < 8; lane++) {
    row_of_lane[lane] = static_cast<uint64_t>(lane / chunks);
    state_of_lane[lane] = (static_cast<uint64_t>(lane % chunks) + 1) * kGolden;
  }
  const __m512i which = _mm512_load_si512(row_of_lane), state = _mm512_load_si512(state_of_lane);
  Turn turn = turn_of(first * chunks, a.T * chunks);
  for (int64_t k = 0; k < count * chunks; k += 8, turn.advance()) {
    const __m512i row = _mm512_permutexvar_epi64(which, _mm512_loadu_si512(rows + k / chunks));
    const __m512i h = mix(_mm512_add_epi64(row, state));
    store_starts<kOwnArrays>(starts + k, lanes(count * chunks - k), h, a, turn.at);
  }
}

// Any number of chunks: the lanes are those of one embedding.
template <bool kOwnArrays>
void hash_row_by_row(uint32_t* starts, const uint64_t* rows, int64_t first, int64_t count,
                     const Addressing& a) {
  const int64_t chunks = a.chunks, T = a.T;
  const __m512i golden = _mm512_set1_epi64(static_cast<int64_t>(kGolden));
  const __m512i lane_states = _mm512_mullo_epi64(_mm512_set_epi64(8, 7, 6, 5, 4, 3, 2, 1), golden);
  const __m512i next = _mm512_slli_epi64(golden, 3);
  int64_t t = first % T;
  for (int64_t i = 0; i < count; i++) {
    __m512i state = _mm512_add_epi64(_mm512_set1_epi64(static_cast<int64_t>(rows[i])), lane_states);
    for (int64_t c = 0; c < chunks; c += 8) {
      store_starts<kOwnArrays>(starts + i * chunks + c, lanes(chunks - c), mix(state), a, t * chunks + c);
      state = _mm512_add_epi64(state, next);
    }
    if (++t == T) t = 0;
  }
}

void starts_mix64(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last, const Addressing& a) {
  const bool own_arrays = a.range == 0, whole = 8 % a.chunks == 0;
  const auto by_row = own_arrays ? hash_row_by_row<true> : hash_row_by_row<false>;
  const auto by_vector = own_arrays ? hash_whole_rows<true> : hash_whole_rows<false>;
  const auto hash_chunks = whole ? by_vector : by_row;
  // A vector of rows may be loaded from the last one on.
  alignas(64) uint64_t rows[kRows + 8] = {};
  for (int64_t r = first; r < last; r += kRows) {
    const int64_t count = last - r < kRows ? last - r : kRows;
    hash_rows(rows, ids, r, count, a);
    hash_chunks(starts + r * a.chunks, rows, r, count, a);
  }
}

// One embedding: the lanes are chunks; steps[lane] = lane*B mod P.
void apd10_row(uint32_t* out, uint64_t row, int64_t chunks, __m512i steps, __m512i reciprocal,
               __m512i range) {
  const __m512i p = _mm512_set1_epi64(static_cast<int64_t>(kP));
  const __m512i next = _mm512_set1_epi64(static_cast<int64_t>(8 * kB % kP));
  // Both terms are below P, so one conditional subtraction reduces the sum: the unsigned minimum takes it.
  __m512i h = _mm512_add_epi64(_mm512_set1_epi64(static_cast<int64_t>((row * kA + kC) % kP)), steps);
  for (int64_t c = 0; c < chunks; c += 8) {
    h = _mm512_min_epu64(h, _mm512_sub_epi64(h, p));
    _mm256_mask_storeu_epi32(out + c, lanes(chunks - c),
                             multiply_high(_mm512_mullo_epi64(reciprocal, h), range));
    h = _mm512_add_epi64(h, next);
  }
}

}  // namespace

void compute_starts_avx512(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last,
                           const Addressing& addressing) {
  if (addressing.kind == EmbeddingKind::kFull) return compute_starts(starts, ids, first, last, addressing);
  const int64_t T = addressing.T, chunks = addressing.chunks;
  const int32_t* columns = addressing.columns.data();
  const int64_t* row_offsets = addressing.row_offsets.data();
  if (!addressing.hashes()) return number_starts(starts, ids, first, last, addressing);
  if (addressing.hash == HashFamily::kMix64) {
    starts_mix64(starts, ids, first * T, last * T, addressing);
    return number_starts(starts, ids, first, last, addressing);
  }
  const __m512i range = _mm512_set1_epi64(static_cast<int64_t>(addressing.range));
  const __m512i reciprocal = _mm512_set1_epi64(static_cast<int64_t>(addressing.reciprocal));
  alignas(64) uint64_t steps[8];
  for (uint64_t lane = 0; lane < 8; lane++) steps[lane] = lane * kB % kP;
  for (int64_t b = first; b < last; b++) {
    uint32_t* out = starts + b * T * chunks;
    const uint32_t* row = ids + b * addressing.id_columns;
    for (int64_t t = 0; t < T; t++) {
      const uint64_t id = row[columns ? columns[t] : t];
      apd10_row(out + t * chunks, static_cast<uint64_t>(row_offsets[t]) + id, chunks,
                _mm512_load_si512(steps), reciprocal, range);
    }
  }
  number_starts(starts, ids, first, last, addressing);
}

}  // namespace pss
