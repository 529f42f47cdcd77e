// What a compressed interaction network needs beside its products: see cin.h for the formulas and
// cin_kernel.h for the layout.
//
//   cin_columns, cin_slots  slots to rows of all samples, and the rows' gradient back
//   cin_pool                maps that go out, summed over d: a group of lanes a sample, by shuffles in a
//   fixed
//                           tree; results are turned in shared memory, so that both sides move whole sectors
//   cin_spread              the output's gradient onto those maps, where they are positive
//   cin_bias_gradient       a block a map: threads sum columns in order, then a fixed tree
// All are traffic: maps are read once, and written once by cin_spread.
#include "ops/cin/cin_kernel.h"

namespace {

using pss::CinOutputArguments;
using pss::CinRowsArguments;
using pss::kCinOutputMaps;
using pss::kCinOutputSamples;
using pss::kCinRowThreads;

constexpr unsigned kFull = 0xffffffffu;
constexpr int kWarps = kCinRowThreads / 32;

}  // namespace

extern "C" __global__ void __launch_bounds__(kCinRowThreads)
    cin_columns(const __grid_constant__ CinRowsArguments a) {
  const int column = blockIdx.x * kCinRowThreads + threadIdx.x, f = blockIdx.y;
  const int columns = a.B * a.D;
  if (column >= (columns + 3) / 4 * 4) return;
  const int b = column / a.by_D, d = column - b * a.D;
  a.rows[f * a.ld + column] = column < columns ? a.slots[b * a.slots_ld + f * a.D + d] : 0;
}

extern "C" __global__ void __launch_bounds__(kCinRowThreads)
    cin_slots(const __grid_constant__ CinRowsArguments a) {
  const int64_t b = blockIdx.x;
  for (int i = threadIdx.x; i < a.F * a.D; i += kCinRowThreads) {
    const int f = i / a.by_D, d = i - f * a.D;
    a.slots[b * a.slots_ld + i] = a.rows[f * a.ld + b * a.D + d];
  }
}

extern "C" __global__ void __launch_bounds__(kCinRowThreads)
    cin_pool(const __grid_constant__ CinOutputArguments a) {
  __shared__ float sums[kCinOutputSamples][kCinOutputMaps + 1];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int map0 = blockIdx.x * kCinOutputMaps, b0 = blockIdx.y * kCinOutputSamples;
  const int groups = 32 / a.lanes;
  for (int n = warp; n < min(kCinOutputMaps, a.maps - map0); n += kWarps) {
    const float* map = a.hidden + (map0 + n) * a.ld;
    for (int s0 = 0; s0 < kCinOutputSamples; s0 += groups) {
      const int s = s0 + lane / a.lanes;
      float sum = 0;
      for (int d = lane % a.lanes; d < a.D && b0 + s < a.B; d += a.lanes) {
        sum += map[int64_t{b0 + s} * a.D + d];
      }
      for (int apart = a.lanes / 2; apart > 0; apart /= 2) sum += __shfl_xor_sync(kFull, sum, apart);
      if (lane % a.lanes == 0) sums[s][n] = sum;
    }
  }
  __syncthreads();
  if (map0 + lane >= a.maps) return;
  for (int s = warp; s < min(kCinOutputSamples, a.B - b0); s += kWarps) {
    a.out[(b0 + s) * a.out_ld + a.first + map0 + lane] = sums[s][lane];
  }
}

// A warp takes 32 columns of a map; the eight warps of a block take neighbouring maps, whose gradients share
// sectors.
extern "C" __global__ void __launch_bounds__(kCinRowThreads)
    cin_spread(const __grid_constant__ CinOutputArguments a) {
  const int n = blockIdx.y * kWarps + threadIdx.x / 32, column = blockIdx.x * 32 + threadIdx.x % 32;
  const int columns = a.B * a.D;
  if (n >= a.maps || column >= (columns + 3) / 4 * 4) return;
  float* at = a.hidden + n * a.ld + column;
  const int b = column / a.by_D;
  *at = column < columns && *at > 0 ? a.dout[b * a.out_ld + a.first + n] : 0;
}

extern "C" __global__ void __launch_bounds__(kCinRowThreads)
    cin_bias_gradient(const __grid_constant__ pss::CinBiasArguments a) {
  __shared__ float sums[kWarps];
  const float* map = a.dhidden + blockIdx.x * a.ld;
  float sum = 0;
  for (int column = 4 * threadIdx.x; column < a.columns; column += 4 * kCinRowThreads) {
    const float4 four = *reinterpret_cast<const float4*>(map + column);
    sum += four.x + four.y + (four.z + four.w);
  }
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(kFull, sum, lanes);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  float total = 0;
  for (const float part : sums) total += part;
  a.gradient[blockIdx.x] = total;
}
