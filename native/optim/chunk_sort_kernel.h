// Arguments of chunk_sort_kernel.cu.
#pragma once

#include "backend/cuda/step_control.h"
#include "ops/embedding/addressing_kernel.h"

namespace pss {

// One chunk as one of the ranges it lies in sees it.
struct alignas(8) SortedChunk {
  uint32_t start;  // in units
  uint32_t chunk;  // of the batch; kNextRange is set when the range is the one after the start's
};
constexpr uint32_t kNextRange = uint32_t{1} << 31;

// M cut into ranges of equal length.
struct RangeCut {
  Divisor by_units;  // of a range
  int32_t floats;    // of a range: whole units and whole rows, at least Z
};

struct ChunkSortArguments {
  const SortedChunk* in;  // null in the first pass, which makes them from `chunks`
  SortedChunk* out;
  uint32_t* counts;  // [2^bits, tiles]: how many of a tile have a digit; then where they go
  uint32_t* total;   // written by each pass
  const StepControl* control;
  ChunkList chunks;
  RangeCut cut;
  int32_t straddles;    // whether a chunk may lie in two ranges: the first pass then looks at each twice
  int32_t shift, bits;  // of the pass's digit in a range's number
  uint32_t tiles;
};

constexpr int kSortThreads = 256;
constexpr int kSortRounds = 8;                              // items of a thread
constexpr uint32_t kSortTile = kSortThreads * kSortRounds;  // items of a block
constexpr int kSortBits = 8;                                // most that a pass sorts by: one thread a digit
constexpr int kScanThreads = 1024;

}  // namespace pss
