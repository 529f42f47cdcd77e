// Applies the gradient of a shared array on a GPU: the contract of chunk_update.h.
//
//                dense                                      sparse
//   same bits    chunks sorted by range, ranges summed      chunks sorted by range, ranges summed and
//                into |M| floats; optimizer over M          their touched floats updated
//   atomic       chunks added to |M| floats;                chunks added to |M| floats; each touched float
//                optimizer over M                           (row) taken away and updated
#pragma once

#include <memory>

#include "optim/chunk_sort_cuda.h"
#include "optim/chunk_update_kernel.h"
#include "optim/optimizer.h"

namespace pss {

class ChunkUpdateCuda {
 public:
  // `l2` as in graph_spec.h. The same bits every time when context.deterministic. Throws ERR_GRAPH when
  // chunks are too many, or too long.
  ChunkUpdateCuda(const CudaOpContext& context, const Addressing& addressing, const OptimizerSpec& spec,
                  bool dense, float l2);
  // All pointers are the device's; `ids` is the batch's [B, T]. Learning rate, Adam's corrections and
  // `halted` (then nothing may change) are read by the kernels from context.control.
  void apply(float* memory, float* state0, float* state1, const uint32_t* ids, const float* dslots,
             int64_t ld, int64_t B);

 private:
  void sum_ranges(const MemoryTarget& target, const float* dslots, const ChunkList& chunks);
  void scatter(const MemoryTarget& target, const float* dslots, const ChunkList& chunks);
  void update_memory(const MemoryTarget& target);

  CudaOpContext context_;
  AddressingCuda addressing_;
  OptimizerConstants constants_;
  bool dense_;
  bool rowwise_;  // rows of more than one float share an accumulator
  int64_t memory_size_;
  float l2_;
  RangeCut cut_;
  unsigned range_warps_;                 // of a block
  std::unique_ptr<ChunkSortCuda> sort_;  // null in the atomic forms
  CudaMemory gradient_, claims_;
  CudaFunctionHandle ranges_ = nullptr, scatter_add_ = nullptr, touched_ = nullptr, memory_update_ = nullptr;
};

}  // namespace pss
