#include "ops/embedding/embedding.h"

namespace pss {

void gather_sample_ref(float* out, int64_t ld, const float* memory, const uint32_t* starts,
                       const Addressing& addressing) {
  for (int64_t t = 0; t < addressing.T; t++) {
    for (int64_t c = 0; c < addressing.chunks; c++) {
      const float* chunk = memory + int64_t{starts[t * addressing.chunks + c]} * addressing.unit;
      const int64_t length = addressing.chunk_length(c);
      for (int64_t s = 0; s < length; s++) out[t * ld + c * addressing.Z + s] = chunk[s];
    }
  }
}

void scatter_add_ref(float* dmemory, const float* dslots, int64_t ld, const uint32_t* starts, int64_t B,
                     const Addressing& addressing) {
  const int64_t T = addressing.T, chunks = addressing.chunks;
  for (int64_t b = 0; b < B; b++) {
    for (int64_t t = 0; t < T; t++) {
      for (int64_t c = 0; c < chunks; c++) {
        float* chunk = dmemory + int64_t{starts[(b * T + t) * chunks + c]} * addressing.unit;
        const float* gradient = dslots + b * ld + t * addressing.D + c * addressing.Z;
        const int64_t length = addressing.chunk_length(c);
        for (int64_t s = 0; s < length; s++) chunk[s] += gradient[s];
      }
    }
  }
}

}  // namespace pss
