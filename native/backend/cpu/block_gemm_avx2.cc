// clang-format off: the kernels need a Simd before them
#include "base/simd_avx2.h"
#include "backend/cpu/block_gemm_simd.h"
// clang-format on

namespace pss {

const BlockKernels kBlockAvx2 = kSimdBlock;

}  // namespace pss
