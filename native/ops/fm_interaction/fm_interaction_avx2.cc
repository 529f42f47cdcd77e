#include "base/simd_avx2.h"
#include "ops/fm_interaction/fm_interaction_simd.h"

namespace pss {

const FmKernels kFmAvx2 = kFmSimd;

}  // namespace pss
