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

// Where the ids of a sample lie, the keys of their tables, and the arrays their chunks are hashed into.
struct Tables {
  int64_t T, chunks;
  const int32_t* columns;  // null: table t reads column t
  const uint64_t* keys;
  const uint32_t* bases;  // [T, chunks]; null where one array of `range` places serves all
  const uint64_t* ranges;
  __m512i range;
};

inline __m512i load_ids(__mmask8 mask, const uint32_t* ids, const Tables& tables, int64_t t) {
  if (!tables.columns) return _mm512_cvtepu32_epi64(_mm256_maskz_loadu_epi32(mask, ids + t));
  const __m256i columns = _mm256_maskz_loadu_epi32(mask, tables.columns + t);
  return _mm512_cvtepu32_epi64(_mm256_mmask_i32gather_epi32(_mm256_setzero_si256(), mask, columns, ids, 4));
}

inline __m512i row_hash(__mmask8 mask, const uint32_t* ids, const Tables& tables, int64_t t) {
  return mix(
      _mm512_xor_si512(_mm512_maskz_loadu_epi64(mask, tables.keys + t), load_ids(mask, ids, tables, t)));
}

// Places for eight hashes, which belong to chunks k .. k + 7 of the sample.
template <bool kOwnArrays>
inline void store_starts(uint32_t* starts, __mmask8 mask, __m512i h, const Tables& tables, int64_t k) {
  __m256i places;
  if constexpr (kOwnArrays) {
    places = _mm256_add_epi32(multiply_high(h, _mm512_maskz_loadu_epi64(mask, tables.ranges + k)),
                              _mm256_maskz_loadu_epi32(mask, tables.bases + k));
  } else {
    places = multiply_high(h, tables.range);
  }
  _mm256_mask_storeu_epi32(starts + k, mask, places);
}

// One sample of one-chunk embeddings: the lanes are tables.
template <bool kOwnArrays>
void mix64_tables(uint32_t* starts, const uint32_t* ids, const Tables& tables) {
  const __m512i golden = _mm512_set1_epi64(static_cast<int64_t>(kGolden));
  for (int64_t t = 0; t < tables.T; t += 8) {
    const __mmask8 mask = lanes(tables.T - t);
    const __m512i h = mix(_mm512_add_epi64(row_hash(mask, ids, tables, t), golden));
    store_starts<kOwnArrays>(starts, mask, h, tables, t);
  }
}

// One sample of embeddings of many chunks: rows are hashed eight tables at once, then the lanes are chunks.
template <bool kOwnArrays>
void mix64_chunks(uint32_t* starts, const uint32_t* ids, const Tables& tables) {
  const int64_t chunks = tables.chunks;
  const __m512i golden = _mm512_set1_epi64(static_cast<int64_t>(kGolden));
  const __m512i first = _mm512_mullo_epi64(_mm512_set_epi64(8, 7, 6, 5, 4, 3, 2, 1), golden);
  const __m512i next = _mm512_slli_epi64(golden, 3);
  alignas(64) uint64_t rows[8];
  for (int64_t t = 0; t < tables.T; t += 8) {
    const int64_t count = tables.T - t < 8 ? tables.T - t : 8;
    _mm512_store_si512(rows, row_hash(lanes(count), ids, tables, t));
    for (int64_t k = 0; k < count; k++) {
      __m512i state = _mm512_add_epi64(_mm512_set1_epi64(static_cast<int64_t>(rows[k])), first);
      for (int64_t c = 0; c < chunks; c += 8) {
        store_starts<kOwnArrays>(starts, lanes(chunks - c), mix(state), tables, (t + k) * chunks + c);
        state = _mm512_add_epi64(state, next);
      }
    }
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
  const bool own_arrays = addressing.range == 0, hashes = !own_arrays || addressing.ranges.data();
  const __m512i range = _mm512_set1_epi64(static_cast<int64_t>(addressing.range));
  const __m512i reciprocal = _mm512_set1_epi64(static_cast<int64_t>(addressing.reciprocal));
  const Tables tables{
      T,    chunks, columns, addressing.table_keys.data(), addressing.bases.data(), addressing.ranges.data(),
      range};
  const auto one_chunk = own_arrays ? mix64_tables<true> : mix64_tables<false>;
  const auto many_chunks = own_arrays ? mix64_chunks<true> : mix64_chunks<false>;
  const auto mix64 = chunks == 1 ? one_chunk : many_chunks;
  alignas(64) uint64_t steps[8];
  for (uint64_t lane = 0; lane < 8; lane++) steps[lane] = lane * kB % kP;
  for (int64_t b = first; hashes && b < last; b++) {
    uint32_t* out = starts + b * T * chunks;
    const uint32_t* row = ids + b * addressing.id_columns;
    if (addressing.hash == HashFamily::kMix64) {
      mix64(out, row, tables);
      continue;
    }
    for (int64_t t = 0; t < T; t++) {
      const uint64_t id = row[columns ? columns[t] : t];
      apd10_row(out + t * chunks, static_cast<uint64_t>(row_offsets[t]) + id, chunks,
                _mm512_load_si512(steps), reciprocal, range);
    }
  }
  number_starts(starts, ids, first, last, addressing);
}

}  // namespace pss
