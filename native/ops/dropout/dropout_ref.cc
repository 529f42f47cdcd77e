#include "base/philox.h"
#include "ops/dropout/dropout.h"

namespace pss {

namespace {

uint64_t dropout_mask(uint64_t group, const DropoutKey& key) {
  uint64_t mask = 0;
  for (uint64_t j = 0; j < 16; j++) {
    const PhiloxBlock words = philox(key.seed, group * 16 + j, key.stream);
    for (uint64_t i = 0; i < 4; i++) {
      mask |= static_cast<uint64_t>(words[i] >= key.threshold) << (16 * i + j);
    }
  }
  return mask;
}

void dropout_apply(float* to, const float* from, const uint64_t* masks, float scale, int64_t ld) {
  for (int64_t i = 0; i < ld; i++) to[i] = masks[i / 64] >> (i % 64) & 1 ? from[i] * scale : 0.0f;
}

}  // namespace

const DropoutKernels kDropoutReference = {dropout_mask, dropout_apply};

}  // namespace pss
