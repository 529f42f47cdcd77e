#include "base/simd_avx512.h"
#include "ops/dropout/dropout_simd.h"

namespace pss {

const DropoutKernels kDropoutAvx512 = kDropoutSimd;

}  // namespace pss
