#include "base/simd_avx512.h"
#include "ops/senet/senet_simd.h"

namespace pss {

const SenetKernels kSenetAvx512 = kSenetSimd;

}  // namespace pss
