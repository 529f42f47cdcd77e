// Sums chunks of gradient into a scratch buffer: the inner loop of chunk_update.
//
//   for every record, s < length:  scratch[position + s] += dslots[source + s] + 0
//
// Records are added one after another, so the order of every sum is theirs. Adding zero turns -0 into +0,
// which keeps kUntouched (optimizer.h) unmistakable.
#pragma once

#include <cstdint>

#include "base/matrix.h"

namespace pss {

struct ChunkRecord {
  uint32_t position;  // floats into the scratch buffer; kShortChunk is set where the chunk is shorter
  uint32_t source;    // floats into dslots; for chunks of one float, the gradient itself, as bits
};
constexpr uint32_t kShortChunk = uint32_t{1} << 31;

struct ChunkSum {
  const ChunkRecord* records;
  int64_t count;
  Matrix dslots;        // of which records name single numbers
  int64_t length;       // floats of a chunk; 1 means that records carry their gradient
  int64_t last_length;  // floats of an embedding's last chunk, where that is shorter
  // To bring near what comes next: the records that follow in the list belong to the next range.
  int64_t count_ahead;   // records of this range and the next
  const float* memory;   // where position 0 lies in M, when its lines will be needed; or null
  int64_t range_floats;  // how much further it lies for the next range
};

void sum_chunks_ref(float* scratch, const ChunkSum& sum);
void sum_chunks_avx2(float* scratch, const ChunkSum& sum);
void sum_chunks_avx512(float* scratch, const ChunkSum& sum);

}  // namespace pss
