#include "base/simd_avx2.h"
#include "ops/self_attention/self_attention_simd.h"

namespace pss {

const AttentionFormats kAttentionAvx2 = kAttentionSimd;

}  // namespace pss
