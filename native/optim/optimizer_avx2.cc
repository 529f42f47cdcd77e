#include "base/simd_avx2.h"
#include "optim/optimizer_simd.h"

namespace pss {

const OptimizerKernels& optimizer_kernels_avx2() {
  return simd_optimizer_kernels();
}

}  // namespace pss
