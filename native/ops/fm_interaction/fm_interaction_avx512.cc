#include "base/simd_avx512.h"
#include "ops/fm_interaction/fm_interaction_simd.h"

namespace pss {

const FmKernels kFmAvx512 = kFmSimd;

}  // namespace pss
