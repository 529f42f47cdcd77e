// Dropout, and the same of gradients: see dropout.h. Sixteen lanes take a group of 64 elements: one Philox
// block a lane for its elements j, 16 + j, 32 + j and 48 + j, so that each access is two whole sectors.
// Nothing is kept for the backward, which draws again: ten rounds cost less than a mask would take to move.
// The same bits as on the CPU. Reads and writes 4 bytes an element.
#include "base/philox.h"
#include "ops/dropout/dropout_kernel.h"

extern "C" __global__ void __launch_bounds__(pss::kDropoutThreads)
    dropout(const __grid_constant__ pss::DropoutArguments a) {
  const uint32_t group =
      blockIdx.x * (pss::kDropoutThreads / pss::kDropoutLanes) + threadIdx.x / pss::kDropoutLanes;
  if (group >= a.groups) return;
  const uint32_t b = group / a.by_groups, lane = threadIdx.x % pss::kDropoutLanes;
  const int first = static_cast<int>((group - b * a.by_groups.value) * 64 + lane);
  const int64_t row = static_cast<int64_t>(b) * a.ld;
  const int64_t step = a.control->step;
  const bool drops = step > 0 && (a.last_step == 0 || step <= a.last_step);
  pss::PhiloxBlock words{};
  if (drops) {
    const uint64_t counter = uint64_t{group} * pss::kDropoutLanes + lane;
    words = pss::philox(a.seed, counter, static_cast<uint64_t>(step) + a.layer_stream);
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int c = first + 16 * i;
    if (c >= a.ld) break;
    const float value = a.from[row + c];
    a.to[row + c] = !drops ? value : words[i] >= a.threshold ? value * a.scale : 0;
  }
}
