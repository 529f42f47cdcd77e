#include "base/simd_avx512.h"
#include "ops/cin/cin_simd.h"

namespace pss {

const CinFormats kCinAvx512 = kCinSimd;

}  // namespace pss
