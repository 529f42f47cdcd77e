// compute_starts, written once for several instruction sets: a lane hashes a start. Include after
// base/simd_longs_*.h of the one that a file is compiled for.
//
// Touches the vectors of Addressing through data() alone, which leaves no shared code behind.
#pragma once

#include "ops/embedding/addressing.h"

namespace pss {
namespace {

using Vector = Longs::Vector;
constexpr int64_t kLanes = Longs::kLanes;
constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;
constexpr uint64_t kP = 2038074743, kA = 871205356, kB = 1825252241, kC = 634329019;

inline Vector mix(Vector z) {
  z = Longs::exclusive_or(z, Longs::shift_right<30>(z));
  z = Longs::multiply(z, Longs::set(0xBF58476D1CE4E5B9));
  z = Longs::exclusive_or(z, Longs::shift_right<27>(z));
  z = Longs::multiply(z, Longs::set(0x94D049BB133111EB));
  return Longs::exclusive_or(z, Longs::shift_right<31>(z));
}

// floor(h * range / 2^64) for range < 2^32, from two 32 x 32 bit products.
inline Vector multiply_high(Vector h, Vector range) {
  const Vector low = Longs::shift_right<32>(Longs::multiply_words(h, range));
  const Vector high = Longs::multiply_words(Longs::shift_right<32>(h), range);
  return Longs::shift_right<32>(Longs::add(low, high));
}

// Where the ids of a sample lie, the keys of their tables, and the arrays their chunks are hashed into.
struct Tables {
  int64_t T, chunks;
  const int32_t* columns;  // null: table t reads column t
  const uint64_t* keys;
  const uint32_t* bases;  // [T, chunks]; null where one array of `range` places serves all
  const uint64_t* ranges;
  Vector range;
};

// Of kLanes tables from t on.
inline Vector row_hash(const uint32_t* ids, const Tables& tables, int64_t t) {
  const int64_t count = tables.T - t;
  const Vector id = tables.columns ? Longs::gather_words(ids, tables.columns + t, count)
                                   : Longs::load_words(ids + t, count);
  return mix(Longs::exclusive_or(Longs::load(tables.keys + t, count), id));
}

// Places for hashes that belong to chunks k, k + 1, ... of the sample.
template <bool kOwnArrays>
inline void store_starts(uint32_t* starts, int64_t count, Vector h, const Tables& tables, int64_t k) {
  Vector places;
  if constexpr (kOwnArrays) {
    places = Longs::add(multiply_high(h, Longs::load(tables.ranges + k, count)),
                        Longs::load_words(tables.bases + k, count));
  } else {
    places = multiply_high(h, tables.range);
  }
  Longs::store_words(starts + k, places, count);
}

// One sample of one-chunk embeddings: the lanes are tables.
template <bool kOwnArrays>
void mix64_tables(uint32_t* starts, const uint32_t* ids, const Tables& tables) {
  for (int64_t t = 0; t < tables.T; t += kLanes) {
    const Vector h = mix(Longs::add(row_hash(ids, tables, t), Longs::set(kGolden)));
    store_starts<kOwnArrays>(starts, tables.T - t, h, tables, t);
  }
}

// One sample of embeddings of many chunks: rows are hashed kLanes tables at once, then the lanes are chunks.
template <bool kOwnArrays>
void mix64_chunks(uint32_t* starts, const uint32_t* ids, const Tables& tables) {
  const int64_t chunks = tables.chunks;
  uint64_t multiples[kLanes], rows[kLanes];
  for (int64_t lane = 0; lane < kLanes; lane++) multiples[lane] = static_cast<uint64_t>(lane + 1) * kGolden;
  const Vector first = Longs::load(multiples, kLanes);
  const Vector next = Longs::set(kLanes * kGolden);
  for (int64_t t = 0; t < tables.T; t += kLanes) {
    Longs::store(rows, row_hash(ids, tables, t));
    for (int64_t k = 0; k < kLanes && t + k < tables.T; k++) {
      Vector state = Longs::add(Longs::set(rows[k]), first);
      for (int64_t c = 0; c < chunks; c += kLanes) {
        store_starts<kOwnArrays>(starts, chunks - c, mix(state), tables, (t + k) * chunks + c);
        state = Longs::add(state, next);
      }
    }
  }
}

// One embedding: the lanes are chunks; steps[lane] = lane*B mod P.
void apd10_row(uint32_t* out, uint64_t row, int64_t chunks, Vector steps, Vector reciprocal, Vector range) {
  const Vector p = Longs::set(kP), next = Longs::set(kLanes * kB % kP);
  // Both terms are below P.
  Vector h = Longs::add(Longs::set((row * kA + kC) % kP), steps);
  for (int64_t c = 0; c < chunks; c += kLanes) {
    h = Longs::reduce(h, p);
    Longs::store_words(out + c, multiply_high(Longs::multiply(reciprocal, h), range), chunks - c);
    h = Longs::add(h, next);
  }
}

void simd_compute_starts(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last,
                         const Addressing& addressing) {
  if (addressing.kind == EmbeddingKind::kFull) return compute_starts(starts, ids, first, last, addressing);
  const int64_t T = addressing.T, chunks = addressing.chunks;
  const int32_t* columns = addressing.columns.data();
  const int64_t* row_offsets = addressing.row_offsets.data();
  const bool own_arrays = addressing.range == 0, hashes = !own_arrays || addressing.ranges.data();
  const Vector range = Longs::set(addressing.range), reciprocal = Longs::set(addressing.reciprocal);
  const Tables tables{
      T,    chunks, columns, addressing.table_keys.data(), addressing.bases.data(), addressing.ranges.data(),
      range};
  const auto one_chunk = own_arrays ? mix64_tables<true> : mix64_tables<false>;
  const auto many_chunks = own_arrays ? mix64_chunks<true> : mix64_chunks<false>;
  const auto mix64 = chunks == 1 ? one_chunk : many_chunks;
  uint64_t steps[kLanes];
  for (uint64_t lane = 0; lane < kLanes; lane++) steps[lane] = lane * kB % kP;
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
                Longs::load(steps, kLanes), reciprocal, range);
    }
  }
  number_starts(starts, ids, first, last, addressing);
}

}  // namespace
}  // namespace pss
