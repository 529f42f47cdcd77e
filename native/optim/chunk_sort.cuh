// What sorting and summing share: the range a record belongs to.
#pragma once

#include "optim/chunk_sort_kernel.h"

namespace pss {

__device__ inline uint32_t range_of(const SortedChunk& record, const RangeCut& cut) {
  return record.start / cut.by_units + (record.chunk >> 31);
}

// Where the chunk lies from the range's first float on; negative in the range after its start's.
__device__ inline int position_in(const SortedChunk& record, uint32_t range, const RangeCut& cut, int unit) {
  return static_cast<int>(static_cast<int64_t>(record.start) * unit -
                          static_cast<int64_t>(range) * cut.floats);
}

}  // namespace pss
