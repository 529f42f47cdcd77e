#include "backend/cpu/block_gemm_simd.h"
#include "base/simd_avx2.h"

namespace pss {

const BlockKernels kBlockAvx2 = kSimdBlock;

}  // namespace pss
