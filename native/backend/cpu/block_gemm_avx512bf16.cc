#include "backend/cpu/block_gemm_simd.h"
#include "base/simd_avx512.h"

namespace pss {

const BlockKernels kBlockAvx512Bf16 = kSimdBlock;

}  // namespace pss
