#include "base/simd_longs_avx512.h"
#include "ops/embedding/addressing_simd.h"

namespace pss {

void compute_starts_avx512(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last,
                           const Addressing& addressing) {
  simd_compute_starts(starts, ids, first, last, addressing);
}

}  // namespace pss
