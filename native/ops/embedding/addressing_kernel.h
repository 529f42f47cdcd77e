// Addressing as device code sees it: addressing.h has the formulas. Included by addressing.cuh.
#pragma once

#include <cstdint>

#include "backend/cuda/divisor.h"

namespace pss {

enum class StartRule : int32_t { kRow, kMix64, kApd10 };

// Where one chunk of a table lies that has an array of its own, or that is found by counting.
struct ChunkRule {
  uint32_t base;
  uint32_t divisor;  // 0: base + a hash over `range` places; else base + (id / divisor mod range) * stride
  uint32_t stride;
  uint32_t range;  // 0 for all of 2^32
};

struct AddressingArguments {
  const uint32_t* row_offsets;  // [T] in device memory: rows of earlier tables; null for mix64
  const ChunkRule* rules;  // [T, chunks] in device memory; null where all chunks are hashed over one array
  const int32_t* columns;  // [T] in device memory: id columns; null where table t reads column t
  uint64_t hash_seed;
  uint64_t range;       // number of different starts
  uint64_t reciprocal;  // apd10's, of range
  StartRule rule;
  int32_t T, D, Z, chunks;
  int32_t id_columns;
  int32_t unit;  // floats that one step of a start is
};

// The chunks of a batch, numbered (b*T + t)*chunks + c, and where each one's floats lie in the slots [B,
// T*D].
struct ChunkList {
  AddressingArguments addressing;
  Divisor by_chunks, by_tables;
  const uint32_t* ids;  // [B, id_columns]
  int64_t ld;           // floats between rows of the slots
  uint32_t count;       // B*T*chunks
  int32_t lanes_log2;   // lanes of a warp that take a chunk together, for walk_chunks
};

}  // namespace pss
