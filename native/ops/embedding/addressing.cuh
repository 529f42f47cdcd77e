// Chunk starts on the device: the arithmetic of addressing.h, and a warp's walk over the chunks of a batch.
#pragma once

#include "ops/embedding/addressing_kernel.h"
#include "ops/embedding/mix64.h"

namespace pss {

constexpr unsigned kWholeWarp = 0xffffffffu;
constexpr uint64_t kApdP = 2038074743, kApdA = 871205356, kApdB = 1825252241, kApdC = 634329019;

// floor(h * range / 2^64) for range < 2^32, from two 32 x 32 bit products.
__device__ inline uint32_t place_of(uint64_t h, uint64_t range) {
  const uint64_t factor = static_cast<uint32_t>(range);
  return static_cast<uint32_t>(
      ((static_cast<uint32_t>(h) * factor >> 32) + static_cast<uint32_t>(h >> 32) * factor) >> 32);
}

__device__ inline uint32_t id_column(const AddressingArguments& a, uint32_t t) {
  return a.columns ? a.columns[t] : t;
}

// The id that table t looks up for sample b.
__device__ inline uint32_t id_at(const AddressingArguments& a, const uint32_t* ids, int64_t b, uint32_t t) {
  return ids[b * a.id_columns + id_column(a, t)];
}

// What the chunks of one embedding share.
__device__ inline uint64_t row_state(const AddressingArguments& a, uint32_t t, uint32_t id) {
  if (a.rules && a.rules[t * a.chunks].divisor > 0) return id;
  // A table's key is cheaper made again than read.
  if (a.rule == StartRule::kMix64) return mix64(mix64_table_key(a.hash_seed, id_column(a, t)) ^ id);
  const uint64_t row = uint64_t{a.row_offsets[t]} + id;
  return a.rule == StartRule::kRow ? row : row * kApdA + kApdC;
}

__device__ inline uint32_t chunk_start(const AddressingArguments& a, uint64_t row, uint32_t t, uint32_t c) {
  uint64_t range = a.range;
  uint32_t base = 0;
  if (a.rules) {
    const ChunkRule rule = a.rules[t * a.chunks + c];
    if (rule.divisor > 0) {
      const uint32_t digit = static_cast<uint32_t>(row) / rule.divisor;
      return rule.base + (rule.range ? digit % rule.range : digit) * rule.stride;
    }
    range = rule.range;
    base = rule.base;
  }
  if (a.rule == StartRule::kMix64) {
    return base + place_of(mix64(row + (c + uint64_t{1}) * kGolden), range);
  }
  if (a.rule == StartRule::kRow) return static_cast<uint32_t>(row);
  // Both remainders are products with reciprocals: of a constant, and of `range` by way of a fraction.
  return place_of(a.reciprocal * ((row + c * kApdB) % kApdP), range);
}

struct Chunk {
  uint32_t start;   // in units
  uint32_t slot;    // floats from the start of the slots
  uint32_t length;  // floats
};

// Chunk k < a.count without its start.
__device__ inline Chunk chunk_place(const ChunkList& a, uint32_t k, uint32_t& embedding, uint32_t& t,
                                    uint32_t& c) {
  embedding = k / a.by_chunks;
  c = k - embedding * a.addressing.chunks;
  const uint32_t b = embedding / a.by_tables;
  t = embedding - b * a.addressing.T;
  const uint32_t first = c * a.addressing.Z;
  return {0, static_cast<uint32_t>(b * a.ld) + t * a.addressing.D + first,
          min(static_cast<uint32_t>(a.addressing.Z), a.addressing.D - first)};
}

__device__ inline Chunk chunk_place(const ChunkList& a, uint32_t k) {
  uint32_t embedding, t, c;
  return chunk_place(a, k, embedding, t, c);
}

__device__ inline Chunk locate_chunk(const ChunkList& a, uint32_t k) {
  uint32_t embedding, t, c;
  Chunk chunk = chunk_place(a, k, embedding, t, c);
  const uint32_t id = id_at(a.addressing, a.ids, embedding / a.by_tables, t);
  chunk.start = chunk_start(a.addressing, row_state(a.addressing, t, id), t, c);
  return chunk;
}

// Calls visit(place in M, place in the slots) for every kFloats consecutive floats of 32 chunks from `first`
// on. Each lane hashes one chunk; then the warp's lanes take them 2^lanes_log2 to a chunk. All lanes of the
// warp must call it.
template <int kFloats, typename Visit>
__device__ void walk_chunks(const ChunkList& a, uint32_t first, const Visit& visit) {
  const uint32_t lane = threadIdx.x % 32;
  const Chunk mine = first + lane < a.count ? locate_chunk(a, first + lane) : Chunk{};
  const uint32_t lanes = 1u << a.lanes_log2, at_once = 32 >> a.lanes_log2;
#pragma unroll 4
  for (uint32_t step = 0; step < 32; step += at_once) {
    const uint32_t from = step + (lane >> a.lanes_log2);
    const uint32_t start = __shfl_sync(kWholeWarp, mine.start, from);
    const uint32_t slot = __shfl_sync(kWholeWarp, mine.slot, from);
    const uint32_t length = __shfl_sync(kWholeWarp, mine.length, from);
    const int64_t place = static_cast<int64_t>(start) * a.addressing.unit;
    for (uint32_t s = (lane & (lanes - 1)) * kFloats; s < length; s += lanes * kFloats) {
      visit(place + s, static_cast<int64_t>(slot) + s);
    }
  }
}

}  // namespace pss
