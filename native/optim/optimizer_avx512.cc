#include "base/simd_avx512.h"
#include "optim/optimizer_simd.h"

namespace pss {

const OptimizerKernels& optimizer_kernels_avx512() {
  return simd_optimizer_kernels();
}

}  // namespace pss
