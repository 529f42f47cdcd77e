#include "base/simd_avx512.h"
#include "ops/self_attention/self_attention_simd.h"

namespace pss {

const AttentionFormats kAttentionAvx512 = kAttentionSimd;

}  // namespace pss
