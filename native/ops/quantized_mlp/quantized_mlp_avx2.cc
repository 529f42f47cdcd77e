#include "base/simd_avx2.h"
#include "base/simd_bytes_avx2.h"
#include "ops/quantized_mlp/quantized_mlp_kernels_simd.h"

namespace pss {

const QuantizedMlpKernels* quantized_mlp_kernels_avx2() {
  static constexpr QuantizedMlpKernels kernels{"avx2", quantize_rows, to_bytes, to_floats};
  return &kernels;
}

}  // namespace pss
