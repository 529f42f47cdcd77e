#include <type_traits>

#include "base/simd_avx512.h"
#include "ops/linear/linear_kernels_simd.h"

namespace pss {

const LinearKernels* linear_kernels_avx512(Precision precision) {
  return precision == Precision::kBf16 ? simd_linear_kernels<Bf16>() : simd_linear_kernels<float>();
}

}  // namespace pss
