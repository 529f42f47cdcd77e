// Inputs side by side, and gradients back: see concat.h. A warp copies a part's row, four floats a lane where
// the part begins and ends on whole quads. 8 bytes moved a float.
#include "ops/concat/concat_kernel.h"

namespace {

__device__ void copy_row(float* to, const float* from, const pss::ConcatPart& part) {
  const int lane = threadIdx.x % 32;
  if (part.quads) {
    // Unrolled, the turns of lanes that have one more than others would come apart; an assignment is compiled
    // to four stores.
#pragma unroll 1
    for (int i = 4 * lane; i < part.cols; i += 128) {
      __stcg(reinterpret_cast<float4*>(to + i), __ldg(reinterpret_cast<const float4*>(from + i)));
    }
  } else {
    for (int i = lane; i < part.cols; i += 32) to[i] = from[i];
  }
}

__device__ int row_of_warp() {
  return blockIdx.x * (pss::kConcatThreads / 32) + threadIdx.x / 32;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kConcatThreads) concat_join(const pss::ConcatArguments a) {
  const pss::ConcatPart part = a.parts[blockIdx.y];
  const int64_t b = row_of_warp();
  if (b < a.B) copy_row(a.whole + b * a.ld + part.first, part.value + b * part.ld, part);
}

extern "C" __global__ void __launch_bounds__(pss::kConcatThreads) concat_part(const pss::ConcatArguments a) {
  const pss::ConcatPart part = a.parts[blockIdx.y];
  const int64_t b = row_of_warp();
  if (part.gradient && b < a.B) copy_row(part.gradient + b * part.ld, a.whole + b * a.ld + part.first, part);
}
