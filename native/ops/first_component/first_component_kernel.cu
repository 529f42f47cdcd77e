// First components of slots, and gradients back: see first_component.h. A warp takes a row. Copies only.
//
//   first_component           a lane a slot; a sector is read for each
//   first_component_backward  a lane a float of dslots; 4 bytes written a float
#include "ops/first_component/first_component_kernel.h"

namespace {

using pss::FirstComponentArguments;

__device__ int row_of_warp() {
  return blockIdx.x * (pss::kFirstComponentThreads / 32) + threadIdx.x / 32;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kFirstComponentThreads)
    first_component(const FirstComponentArguments a) {
  const int64_t b = row_of_warp();
  if (b >= a.B) return;
  for (int f = threadIdx.x % 32; f < a.F; f += 32) {
    a.out[b * a.out_ld + f] = a.slots[b * a.slots_ld + static_cast<int64_t>(f) * a.by_D.value];
  }
}

extern "C" __global__ void __launch_bounds__(pss::kFirstComponentThreads)
    first_component_backward(const FirstComponentArguments a) {
  const int64_t b = row_of_warp();
  if (b >= a.B) return;
  const uint32_t floats = static_cast<uint32_t>(a.F) * a.by_D.value;
  for (uint32_t i = threadIdx.x % 32; i < floats; i += 32) {
    const uint32_t f = i / a.by_D;
    a.slots[b * a.slots_ld + i] = i == f * a.by_D.value ? a.out[b * a.out_ld + f] : 0;
  }
}
