#include "base/simd_avx2.h"
#include "ops/senet/senet_simd.h"

namespace pss {

const SenetKernels kSenetAvx2 = kSenetSimd;

}  // namespace pss
