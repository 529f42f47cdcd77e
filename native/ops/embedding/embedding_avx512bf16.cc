#include "base/simd_avx512.h"
#include "ops/embedding/embedding_simd.h"

namespace pss {

void gather_sample_avx512bf16(Bf16* out, int64_t ld, const float* memory, const uint32_t* starts,
                              const Addressing& addressing) {
  simd_gather_sample(out, ld, memory, starts, addressing);
}

}  // namespace pss
