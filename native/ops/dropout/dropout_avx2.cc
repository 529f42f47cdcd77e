#include "base/simd_avx2.h"
#include "ops/dropout/dropout_simd.h"

namespace pss {

const DropoutKernels kDropoutAvx2 = kDropoutSimd;

}  // namespace pss
