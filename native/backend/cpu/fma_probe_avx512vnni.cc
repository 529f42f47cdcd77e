#include "backend/cpu/fma_probe.h"

namespace pss {

void fma_rounds_avx512vnni(int64_t iterations) {
  for (int64_t i = 0; i < iterations; i++) {
    asm volatile(
        "vpdpbusd %%zmm30, %%zmm31, %%zmm0\n"
        "vpdpbusd %%zmm30, %%zmm31, %%zmm1\n"
        "vpdpbusd %%zmm30, %%zmm31, %%zmm2\n"
        "vpdpbusd %%zmm30, %%zmm31, %%zmm3\n"
        "vpdpbusd %%zmm30, %%zmm31, %%zmm4\n"
        "vpdpbusd %%zmm30, %%zmm31, %%zmm5\n"
        "vpdpbusd %%zmm30, %%zmm31, %%zmm6\n"
        "vpdpbusd %%zmm30, %%zmm31, %%zmm7\n" ::
            : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
  }
}

}  // namespace pss
