#include "base/simd_avx512.h"
#include "ops/bilinear_interaction/bilinear_interaction_simd.h"

namespace pss {

const BilinearFormats kBilinearAvx512 = kBilinearSimd;

}  // namespace pss
