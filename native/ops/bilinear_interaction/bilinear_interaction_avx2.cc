#include "base/simd_avx2.h"
#include "ops/bilinear_interaction/bilinear_interaction_simd.h"

namespace pss {

const BilinearFormats kBilinearAvx2 = kBilinearSimd;

}  // namespace pss
