// Copies the slots of one input to their places, or gradients back: see join_slots.h. One thread a float; 8
// bytes moved.
#include "ops/join_slots/join_slots_kernel.h"

namespace {

template <bool kBack>
__device__ void copy(const pss::JoinSlotsArguments& a) {
  const int64_t n = int64_t{blockIdx.x} * pss::kJoinSlotsThreads + threadIdx.x;
  if (n >= a.elements) return;
  const int64_t slot = n / a.D, b = slot / a.slots;
  const int i = static_cast<int>(n - slot * a.D), f = static_cast<int>(slot - b * a.slots);
  float* part = a.part + b * a.part_ld + static_cast<int64_t>(f) * a.D + i;
  float* joined = a.joined + b * a.joined_ld + static_cast<int64_t>(a.places[f]) * a.D + i;
  if (kBack) {
    *part = *joined;
  } else {
    *joined = *part;
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kJoinSlotsThreads)
    join_slots(const __grid_constant__ pss::JoinSlotsArguments a) {
  copy<false>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kJoinSlotsThreads)
    part_slots(const __grid_constant__ pss::JoinSlotsArguments a) {
  copy<true>(a);
}
