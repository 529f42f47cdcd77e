#include "backend/cpu/fma_probe.h"

namespace pss {

// Fixed registers: a compiler left to itself spills accumulators or removes the loop, and measures something
// else.
void fma_rounds_avx512(int64_t iterations) {
  for (int64_t i = 0; i < iterations; i++) {
    asm volatile(
        "vfmadd231ps %%zmm30, %%zmm31, %%zmm0\n"
        "vfmadd231ps %%zmm30, %%zmm31, %%zmm1\n"
        "vfmadd231ps %%zmm30, %%zmm31, %%zmm2\n"
        "vfmadd231ps %%zmm30, %%zmm31, %%zmm3\n"
        "vfmadd231ps %%zmm30, %%zmm31, %%zmm4\n"
        "vfmadd231ps %%zmm30, %%zmm31, %%zmm5\n"
        "vfmadd231ps %%zmm30, %%zmm31, %%zmm6\n"
        "vfmadd231ps %%zmm30, %%zmm31, %%zmm7\n" ::
            : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
  }
}

}  // namespace pss
