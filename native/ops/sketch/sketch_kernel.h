// Arguments of sketch_kernel.cu.
#pragma once

#include <cstdint>

#include "ops/sketch/sketch_matrix.h"

namespace pss {

struct SketchArguments {
  float* memory;           // [k, D], or its gradient
  float* out;              // [B, F, D], or its gradient
  const uint32_t* ids;     // [B, id_columns]
  const int32_t* columns;  // [F]: the id column of each slot, which is also its table
  uint64_t seed;
  int64_t memory_ld, out_ld;
  SketchKind kind;
  float scale;
  int32_t k, D, slots, id_columns;
  int32_t lookups;  // B*F
};

constexpr int kSketchThreads = 128;   // floats of D that a block takes
constexpr int kForwardLookups = 8;    // lookups of a block of the forward pass,
constexpr int kForwardRows = 64;      // and rows of S it generates at a time
constexpr int kBackwardRows = 16;     // rows of dM of a block of the backward pass,
constexpr int kBackwardLookups = 32;  // and lookups it generates them for at a time

}  // namespace pss
