// What DCN-v2's cross layer adds to its product: see cross_combine.h. Four floats a thread, rows padded to
// whole quads with zeros; rounded as on the CPU: the same bits. 16 bytes a float forward, 24 backward.
#include "backend/cuda/quad.cuh"
#include "ops/cross_combine/cross_combine_kernel.h"

namespace {

__device__ int64_t quad_of_thread() {
  return 4 * (int64_t{blockIdx.x} * pss::kCrossCombineThreads + threadIdx.x);
}

__device__ float4 multiply4(const float4& a, const float4& b) {
  return {a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w};
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kCrossCombineThreads)
    cross_combine(const pss::CrossCombineArguments a) {
  const int64_t i = quad_of_thread();
  if (i >= a.floats) return;
  float4 sum = multiply4(pss::load4(a.x0 + i), pss::load4(a.y + i));
  pss::add4(sum, pss::load4(a.x + i));
  pss::store4(a.out + i, sum, 4);
}

extern "C" __global__ void __launch_bounds__(pss::kCrossCombineThreads)
    cross_combine_backward(const pss::CrossCombineBackwardArguments a) {
  const int64_t i = quad_of_thread();
  if (i >= a.floats) return;
  const float4 dout = pss::load4(a.dout + i);
  if (a.dx0) pss::store4(a.dx0 + i, multiply4(dout, pss::load4(a.y + i)), 4);
  if (a.dy) pss::store4(a.dy + i, multiply4(dout, pss::load4(a.x0 + i)), 4);
  if (a.dx) pss::store4(a.dx + i, dout, 4);
}
