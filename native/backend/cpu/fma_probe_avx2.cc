#include "backend/cpu/fma_probe.h"

namespace pss {

void fma_rounds_avx2(int64_t iterations) {
  for (int64_t i = 0; i < iterations; i++) {
    asm volatile(
        "vfmadd231ps %%ymm14, %%ymm15, %%ymm0\n"
        "vfmadd231ps %%ymm14, %%ymm15, %%ymm1\n"
        "vfmadd231ps %%ymm14, %%ymm15, %%ymm2\n"
        "vfmadd231ps %%ymm14, %%ymm15, %%ymm3\n"
        "vfmadd231ps %%ymm14, %%ymm15, %%ymm4\n"
        "vfmadd231ps %%ymm14, %%ymm15, %%ymm5\n"
        "vfmadd231ps %%ymm14, %%ymm15, %%ymm6\n"
        "vfmadd231ps %%ymm14, %%ymm15, %%ymm7\n" ::
            : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
  }
}

}  // namespace pss
