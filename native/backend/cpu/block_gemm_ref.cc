#include "backend/cpu/block_gemm.h"

namespace pss {

void block_gemm_ref(const BlockGemm& g) {
  for (int64_t m = 0; m < g.m; m++) {
    for (int64_t n = 0; n < g.n; n++) {
      float sum = g.add ? g.c[m * g.c_ld + n] : 0;
      for (int64_t k = 0; k < g.k; k++) sum += g.a[m * g.a_row + k * g.a_col] * g.b[k * g.b_ld + n];
      g.c[m * g.c_ld + n] = sum;
    }
  }
}

void transpose_ref(float* out, int64_t out_ld, const float* in, int64_t in_ld, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c++) out[c * out_ld + r] = in[r * in_ld + c];
  }
}

}  // namespace pss
