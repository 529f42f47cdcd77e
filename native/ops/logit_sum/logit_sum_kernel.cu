// The sum of a model's terms: see logit_sum.h. Eight lanes take a row, which reads rows of 26 weights in
// whole sectors; their sums are added by shuffles in a fixed tree.
//
//   logit_sum           4 bytes read a column
//   logit_sum_backward  4 bytes written a column; the last block adds dout up for the bias, each thread its
//                       share of the rows in order, then a fixed tree
#include "ops/logit_sum/logit_sum_kernel.h"

namespace {

using pss::kLogitLanes;
using pss::kLogitSumThreads;
using pss::LogitSumArguments;

constexpr unsigned kFull = 0xffffffffu;

__device__ float add_lanes(float sum, int lanes) {
  for (int offset = lanes / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(kFull, sum, offset);
  return sum;
}

__device__ int row_of_lanes() {
  return blockIdx.x * (kLogitSumThreads / kLogitLanes) + threadIdx.x / kLogitLanes;
}

__device__ void bias_gradient(const LogitSumArguments& a) {
  __shared__ float sums[kLogitSumThreads / 32];
  float sum = 0;
  for (int b = threadIdx.x; b < a.B; b += kLogitSumThreads) sum += a.dout[b];
  sum = add_lanes(sum, 32);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  float total = 0;
  for (const float part : sums) total += part;
  *a.dbias = total;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kLogitSumThreads) logit_sum(const LogitSumArguments a) {
  const int b = row_of_lanes(), lane = threadIdx.x % kLogitLanes;
  float sum = 0;
  for (int n = 0; n < a.count && b < a.B; n++) {
    const pss::LogitTerm term = a.terms[n];
    for (int c = lane; c < term.cols; c += kLogitLanes) sum += term.value[b * term.ld + c];
  }
  sum = add_lanes(sum, kLogitLanes);
  if (lane == 0 && b < a.B) a.out[b] = *a.bias + sum;
}

extern "C" __global__ void __launch_bounds__(kLogitSumThreads) logit_sum_backward(const LogitSumArguments a) {
  if (blockIdx.x + 1 == gridDim.x) return bias_gradient(a);
  const int b = row_of_lanes();
  if (b >= a.B) return;
  const float dout = a.dout[b];
  for (int n = 0; n < a.count; n++) {
    const pss::LogitTerm term = a.terms[n];
    if (!term.gradient) continue;
    for (int c = threadIdx.x % kLogitLanes; c < term.cols; c += kLogitLanes) {
      term.gradient[b * term.ld + c] = dout;
    }
  }
}
