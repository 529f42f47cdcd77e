// Lists a batch's chunks by the range of M they lie in, on a GPU: chunk_sort_kernel.cu says how.
#pragma once

#include "ops/embedding/addressing_cuda.h"
#include "optim/chunk_sort_kernel.h"

namespace pss {

class ChunkSortCuda {
 public:
  ChunkSortCuda(const CudaOpContext& context, const Addressing& addressing, const RangeCut& cut);
  // Queues the sort. The list is sorted() [*total()], in device memory, until the next one.
  void run(const ChunkList& chunks);
  const SortedChunk* sorted() const { return records_[(passes_ + 1) % 2].as<SortedChunk>(); }
  const uint32_t* total() const { return total_.as<uint32_t>(); }
  // What the list has at most.
  int64_t most(const ChunkList& chunks) const { return int64_t{chunks.count} * (straddles_ ? 2 : 1); }

 private:
  CudaOpContext context_;
  RangeCut cut_;
  bool straddles_;
  int bits_;  // of a range's number
  int passes_;
  CudaFunctionHandle count_first_, count_rest_, scan_, scatter_first_, scatter_rest_;
  CudaMemory records_[2], counts_, total_;
};

}  // namespace pss
