// Projections of mixed-dimension embeddings: see projection.h. Lanes run along the D floats of a slot, for
// which the weights are transposed once a step.
//
//   projection_pack       packed[f, k, i] = P_f[i, k]
//   projection_forward    a block a slot of a sample: each thread sums its floats over k
//   projection_backward   a warp a slot of a sample: one sum over i after the other, by shuffles in a fixed
//   tree projection_gradient   one thread an element of dP_f, summed over the batch in row order
#include "ops/projection/projection_kernel.h"

namespace {

using pss::ProjectionArguments;

constexpr unsigned kFull = 0xffffffffu;

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kProjectionThreads)
    projection_pack(const __grid_constant__ ProjectionArguments a) {
  const int n = blockIdx.x * pss::kProjectionThreads + threadIdx.x, f = blockIdx.y;
  if (n >= a.d * a.D) return;
  const int k = n / a.D, i = n % a.D;
  const pss::ProjectionWeight& weight = a.weights[f];
  a.packed[static_cast<int64_t>(f) * a.d * a.D + n] = weight.value[i * weight.ld + k];
}

extern "C" __global__ void __launch_bounds__(pss::kProjectionThreads)
    projection_forward(const __grid_constant__ ProjectionArguments a) {
  const int b = blockIdx.x, f = blockIdx.y;
  const float* in = a.in + b * a.in_ld + static_cast<int64_t>(f) * a.d;
  const float* packed = a.packed + static_cast<int64_t>(f) * a.d * a.D;
  for (int i = threadIdx.x; i < a.D; i += pss::kProjectionThreads) {
    float sum = 0;
    for (int k = 0; k < a.d; k++) sum += in[k] * packed[k * a.D + i];
    a.out[b * a.out_ld + static_cast<int64_t>(f) * a.D + i] = sum;
  }
}

extern "C" __global__ void __launch_bounds__(pss::kProjectionThreads)
    projection_backward(const __grid_constant__ ProjectionArguments a) {
  const int lookup = blockIdx.x * (pss::kProjectionThreads / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (lookup >= a.B * a.slots) return;
  const int b = lookup / a.slots, f = lookup % a.slots;
  const float* dout = a.out + b * a.out_ld + static_cast<int64_t>(f) * a.D;
  const float* packed = a.packed + static_cast<int64_t>(f) * a.d * a.D;
  for (int k = 0; k < a.d; k++) {
    float sum = 0;
    for (int i = lane; i < a.D; i += 32) sum += dout[i] * packed[k * a.D + i];
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(kFull, sum, offset);
    if (lane == 0) a.in[b * a.in_ld + static_cast<int64_t>(f) * a.d + k] = sum;
  }
}

extern "C" __global__ void __launch_bounds__(pss::kProjectionThreads)
    projection_gradient(const __grid_constant__ ProjectionArguments a) {
  const int n = blockIdx.x * pss::kProjectionThreads + threadIdx.x, f = blockIdx.y;
  if (n >= a.d * a.D) return;
  const int k = n / a.D, i = n % a.D;
  const float* value = a.values + static_cast<int64_t>(f) * a.d + k;
  const float* dout = a.out + static_cast<int64_t>(f) * a.D + i;
  float sum = 0;
  for (int b = 0; b < a.B; b++) sum += value[b * a.in_ld] * dout[b * a.out_ld];
  const pss::ProjectionWeight& weight = a.weights[f];
  weight.gradient[i * weight.ld + k] = sum;
}
