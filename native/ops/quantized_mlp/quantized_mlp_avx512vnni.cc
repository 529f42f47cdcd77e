#include "base/simd_avx512.h"
#include "base/simd_bytes_avx512vnni.h"
#include "ops/quantized_mlp/quantized_mlp_kernels_simd.h"

namespace pss {

const QuantizedMlpKernels* quantized_mlp_kernels_avx512vnni() {
  static constexpr QuantizedMlpKernels kernels{"avx512vnni", quantize_rows, to_bytes, to_floats};
  return &kernels;
}

}  // namespace pss
