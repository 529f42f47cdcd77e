#include "base/simd_avx2.h"
#include "optim/chunk_sum_simd.h"

namespace pss {

void sum_chunks_avx2(float* scratch, const ChunkSum& sum) {
  simd_sum_chunks(scratch, sum);
}

}  // namespace pss
