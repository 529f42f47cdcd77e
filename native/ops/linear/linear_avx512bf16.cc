#include <type_traits>

#include "base/simd_avx512.h"
#include "ops/linear/linear_kernels_simd.h"

namespace pss {

const LinearKernels* linear_kernels_avx512bf16() {
  return simd_linear_kernels<Bf16>();
}

}  // namespace pss
