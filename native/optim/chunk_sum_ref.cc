#include <bit>

#include "optim/chunk_sum.h"

namespace pss {

void sum_chunks_ref(float* scratch, const ChunkSum& sum) {
  for (int64_t i = 0; i < sum.count; i++) {
    const ChunkRecord& record = sum.records[i];
    float* to = scratch + (record.position & ~kShortChunk);
    if (sum.length == 1) {
      *to += std::bit_cast<float>(record.source) + 0.0f;
      continue;
    }
    const int64_t length = record.position & kShortChunk ? sum.last_length : sum.length;
    visit_rows(sum.dslots, 0, [&](const auto* dslots) {
      const auto* from = dslots + record.source;
      for (int64_t s = 0; s < length; s++) to[s] += to_float(from[s]) + 0.0f;
    });
  }
}

}  // namespace pss
