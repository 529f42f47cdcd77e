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

// Rows hashed before their chunks are: a few hundred bytes, which stay in the L1 cache.
constexpr int64_t kRows = 64;

// A place in a list that repeats, kLanes entries a step; enough of its entries are repeated behind its end.
struct Turn {
  int64_t at, length, step;
  void advance() {
    at += step;
    if (at >= length) at -= length;
  }
};

inline Turn turn_of(int64_t at, int64_t length) {
  return {at % length, length, kLanes % length};
}

// Places for hashes of the chunks `turn` and after in the list of a sample's, as many as there are lanes or
// left.
template <bool kOwnArrays>
inline void store_starts(uint32_t* starts, int64_t left, Vector h, const Addressing& a, int64_t turn) {
  Vector places;
  if constexpr (kOwnArrays) {
    places = Longs::add(multiply_high(h, Longs::load(a.ranges.data() + turn)),
                        Longs::load_words(a.bases.data() + turn, kLanes));
  } else {
    places = multiply_high(h, Longs::set(a.range));
  }
  Longs::store_words(starts, places, left);
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
  for (int64_t i = 0; i < count; i += kLanes, turn.advance()) {
    Vector own;
    if (contiguous) {
      own = Longs::load_words(ids + first + i, count - i);
    } else {
      uint32_t picked[kLanes] = {};
      for (int64_t lane = 0; lane < kLanes && i + lane < count; lane++) {
        picked[lane] = ids[b * a.id_columns + (columns ? columns[t] : t)];
        if (++t == T) t = 0, b++;
      }
      own = Longs::load_words(picked, kLanes);
    }
    Longs::store(rows + i, mix(Longs::exclusive_or(Longs::load(keys + turn.at), own)));
  }
}

// A number of chunks that divides the lanes: a vector holds those of several embeddings.
template <bool kOwnArrays>
void hash_whole_rows(uint32_t* starts, const uint64_t* rows, int64_t first, int64_t count,
                     const Addressing& a) {
  const int64_t chunks = a.chunks;
  uint64_t row_of_lane[kLanes], state_of_lane[kLanes];
  for (int64_t lane = 0; lane < kLanes; lane++) {
    row_of_lane[lane] = static_cast<uint64_t>(lane / chunks);
    state_of_lane[lane] = (static_cast<uint64_t>(lane % chunks) + 1) * kGolden;
  }
  const Vector which = Longs::load(row_of_lane), state = Longs::load(state_of_lane);
  Turn turn = turn_of(first * chunks, a.T * chunks);
  for (int64_t k = 0; k < count * chunks; k += kLanes, turn.advance()) {
    const Vector row = Longs::pick(Longs::load(rows + k / chunks), which);
    store_starts<kOwnArrays>(starts + k, count * chunks - k, mix(Longs::add(row, state)), a, turn.at);
  }
}

// Any number of chunks: the lanes are those of one embedding.
template <bool kOwnArrays>
void hash_row_by_row(uint32_t* starts, const uint64_t* rows, int64_t first, int64_t count,
                     const Addressing& a) {
  const int64_t chunks = a.chunks, T = a.T;
  uint64_t multiples[kLanes];
  for (int64_t lane = 0; lane < kLanes; lane++) multiples[lane] = static_cast<uint64_t>(lane + 1) * kGolden;
  const Vector lane_states = Longs::load(multiples), next = Longs::set(kLanes * kGolden);
  int64_t t = first % T;
  for (int64_t i = 0; i < count; i++) {
    Vector state = Longs::add(Longs::set(rows[i]), lane_states);
    for (int64_t c = 0; c < chunks; c += kLanes) {
      store_starts<kOwnArrays>(starts + i * chunks + c, chunks - c, mix(state), a, t * chunks + c);
      state = Longs::add(state, next);
    }
    if (++t == T) t = 0;
  }
}

void starts_mix64(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last, const Addressing& a) {
  const bool own_arrays = a.range == 0, whole = kLanes % a.chunks == 0;
  const auto by_row = own_arrays ? hash_row_by_row<true> : hash_row_by_row<false>;
  const auto by_vector = own_arrays ? hash_whole_rows<true> : hash_whole_rows<false>;
  const auto hash_chunks = whole ? by_vector : by_row;
  // A vector of rows may be loaded from the last one on.
  uint64_t rows[kRows + kLanes] = {};
  for (int64_t r = first; r < last; r += kRows) {
    const int64_t count = last - r < kRows ? last - r : kRows;
    hash_rows(rows, ids, r, count, a);
    hash_chunks(starts + r * a.chunks, rows, r, count, a);
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
  if (!addressing.hashes()) return number_starts(starts, ids, first, last, addressing);
  if (addressing.hash == HashFamily::kMix64) {
    starts_mix64(starts, ids, first * T, last * T, addressing);
    return number_starts(starts, ids, first, last, addressing);
  }
  const Vector range = Longs::set(addressing.range), reciprocal = Longs::set(addressing.reciprocal);
  uint64_t steps[kLanes];
  for (uint64_t lane = 0; lane < kLanes; lane++) steps[lane] = lane * kB % kP;
  for (int64_t b = first; b < last; b++) {
    uint32_t* out = starts + b * T * chunks;
    const uint32_t* row = ids + b * addressing.id_columns;
    for (int64_t t = 0; t < T; t++) {
      const uint64_t id = row[columns ? columns[t] : t];
      apd10_row(out + t * chunks, static_cast<uint64_t>(row_offsets[t]) + id, chunks, Longs::load(steps),
                reciprocal, range);
    }
  }
  number_starts(starts, ids, first, last, addressing);
}

}  // namespace
}  // namespace pss
