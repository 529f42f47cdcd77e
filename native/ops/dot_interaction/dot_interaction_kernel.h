// Arguments of dot_interaction_kernel.cu.
#pragma once

#include "ops/embedding/addressing_kernel.h"

namespace pss {

// Where a sample's V vectors come from, and how they are cut into slices of at most kSliceFloats floats of D.
// A slice is either `pieces` whole chunks of each embedding (the last slice may have fewer), or one of the
// `cuts` parts of one long chunk.
struct InteractionInputs {
  const float* bottom;             // [B, D], rows bottom_ld apart
  const float* source;             // M; or the stored slots, rows source_ld apart
  const uint32_t* ids;             // [B, T]; null where slots are stored
  AddressingArguments addressing;  // stored slots count as one chunk of D floats
  Divisor by_pieces;
  int64_t bottom_ld, source_ld;
  int32_t V;
  int32_t tile_rows;  // ceil(V / 4)
  int32_t slices, slice_floats, cuts;
  int32_t stride;       // floats between vectors in shared memory
  int32_t whole_quads;  // rows and slices of D consist of aligned groups of four floats
  int32_t quads;        // so do chunks in M
  int32_t lanes_log2;   // lanes that take a piece together
};

struct InteractionForwardArguments {
  float* out;  // [B, D + V*(V-1)/2], rows out_ld apart
  int64_t out_ld;
  InteractionInputs in;
};

struct InteractionBackwardArguments {
  float* dbottom;  // null where nobody wants it; rows as bottom's
  float* dslots;   // likewise; rows dslots_ld apart
  const float* dout;
  int64_t dslots_ld, dout_ld;
  InteractionInputs in;
};

constexpr int kInteractionThreads = 128;  // one sample
constexpr int kSliceFloats = 128;
// Tiles of 4 x 4 pairs of one warp: every lane one of them, or up to five.
constexpr int kFewVectors = 28, kMostVectors = 64;

}  // namespace pss
