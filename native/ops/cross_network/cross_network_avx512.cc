#include "base/simd_avx512.h"
#include "ops/cross_network/cross_network_simd.h"

namespace pss {

const CrossKernels kCrossAvx512 = kCrossSimd;

}  // namespace pss
