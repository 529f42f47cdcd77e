#include "base/simd_avx2.h"
#include "ops/cin/cin_simd.h"

namespace pss {

const CinFormats kCinAvx2 = kCinSimd;

}  // namespace pss
