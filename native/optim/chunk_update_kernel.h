// Arguments of the kernels that apply a batch's gradient to M: chunk_range_kernel.cu, chunk_atomic_kernel.cu
// and memory_update_kernel.cu.
#pragma once

#include "optim/chunk_sort_kernel.h"
#include "optim/optimizer_kernel.h"

namespace pss {

// M, its optimizer state, and what updates them.
struct MemoryTarget {
  float* memory;
  float* state0;  // null where the optimizer has none; one float a row under rowwise-adagrad
  float* state1;
  float* gradient;  // |M| floats; null where ranges are summed and updated at once
  const StepControl* control;
  int64_t floats;      // |M|
  int32_t row_floats;  // of rowwise-adagrad's rows
  OptimizerConstants constants;
  float
      l2;  // of M: the touched floats' under a sparse gradient, see add_l2 and add_l2_touched of optimizer.h
};

struct RangeArguments {
  MemoryTarget target;
  const SortedChunk* records;
  const uint32_t* total;  // records
  const float* dslots;
  ChunkList chunks;
  RangeCut cut;
  Divisor by_lines;  // lines of a chunk: 32 floats, one a lane
};

struct ScatterArguments {
  MemoryTarget target;
  const float* dslots;
  ChunkList chunks;
  uint32_t* claims;  // [rows]: which rows' updates were taken; null but for rowwise-adagrad
};

struct MemoryUpdateArguments {
  MemoryTarget target;
};

constexpr int kRangeFloats = 256;     // a range has about as many
constexpr int kRangeWarps = 4;        // most of a block
constexpr uint32_t kRangeWindow = 8;  // records among which a warp looks for beginnings of ranges
constexpr int kScatterThreads = 256;
constexpr int kMemoryThreads = 256;

}  // namespace pss
