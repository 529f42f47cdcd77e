#include "base/simd_avx2.h"
#include "ops/cross_network/cross_network_simd.h"

namespace pss {

const CrossKernels kCrossAvx2 = kCrossSimd;

}  // namespace pss
