// DCN's cross layers: cross_network.h has the formulas. With f_l = 1 + s_0 + ... + s_{l-1} and c_l the sum of
// the first l biases, x_l = f_l * x_0 + c_l, so all dot products of a row are with x_0 and dout:
//
//   p_l = x_0 . w_l;  s_l = f_l * p_l + c_l . w_l;  q = dout . x_0
//   ds_l = q + sum over m > l of ds_m * p_m
//   dx_0 = dout * f_L + sum_l ds_l * f_l * w_l
//   dw_l = sum_b ds_l * f_l * x_0 + (sum_b ds_l) * c_l
//   db_l = sum_b dout + sum over m > l of (sum_b ds_m) * w_m
//
//   cross_prepare           a block a layer: c_l and c_l . w_l
//   cross_forward           a warp a row, which it reads once where K <= 512 (else again for each layer)
//   cross_backward_rows     the same for x and dout: dx, and the ds_l of each row
//   cross_backward_columns  blocks of 64 rows by 128 columns: x and dout once more, for the sums over b
//   cross_gradients         a thread a column: the blocks' sums in order
// Weights are read by every row, from the cache. All sums have an order fixed by the shapes.
#include "backend/cuda/column_sums.cuh"
#include "ops/cross_network/cross_network_kernel.h"

namespace {

using pss::add4;
using pss::CrossBackwardArguments;
using pss::CrossForwardArguments;
using pss::CrossLayers;
using pss::kCrossRows;
using pss::kCrossSums;
using pss::kCrossThreads;
using pss::load4;
using pss::store4;

constexpr unsigned kFull = 0xffffffffu;
constexpr int kWarps = kCrossThreads / 32;
static_assert(pss::kCrossColumns == pss::kSummedColumns, "a block's columns");
constexpr int kHeld = 4;  // quads of a row that a lane keeps in registers
constexpr int kHeldFloats = 128 * kHeld;

__device__ float add_products(float sum, const float4& x, const float4& y) {
  return fmaf(x.w, y.w, fmaf(x.z, y.z, fmaf(x.y, y.y, fmaf(x.x, y.x, sum))));
}

__device__ void add_scaled(float4& to, float scale, const float4& x) {
  to = {fmaf(scale, x.x, to.x), fmaf(scale, x.y, to.y), fmaf(scale, x.z, to.z), fmaf(scale, x.w, to.w)};
}

__device__ float sum_of_warp(float sum) {
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(kFull, sum, offset);
  return sum;
}

template <int kThreads>
__device__ float sum_of_block(float sum) {
  __shared__ float sums[kThreads / 32];
  sum = sum_of_warp(sum);
  __syncthreads();
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  float total = 0;
  for (const float part : sums) total += part;
  return total;
}

__device__ int row_of_warp() {
  return blockIdx.x * kWarps + threadIdx.x / 32;
}

// A row of which a lane holds its first quads.
struct HeldRow {
  const float* row;
  int ld;
  float4 held[kHeld];

  __device__ HeldRow(const float* from, int64_t length) : row(from), ld(static_cast<int>(length)) {
#pragma unroll
    for (int h = 0; h < kHeld; h++) held[h] = place(h) < ld ? load4(row + place(h)) : float4{};
  }
  __device__ static int place(int h) { return 4 * (threadIdx.x % 32) + 128 * h; }

  // Calls visit(k, quad at k) for all of the lane's quads.
  template <typename Visit>
  __device__ void each(const Visit& visit) const {
#pragma unroll
    for (int h = 0; h < kHeld; h++) {
      if (place(h) < ld) visit(place(h), held[h]);
    }
    for (int k = place(0) + kHeldFloats; k < ld; k += 128) visit(k, load4(row + k));
  }

  __device__ float dot(const float* other) const {
    float sum = 0;
    each([&](int k, const float4& x) { sum = add_products(sum, x, load4(other + k)); });
    return sum_of_warp(sum);
  }
};

}  // namespace

extern "C" __global__ void __launch_bounds__(kCrossThreads)
    cross_prepare(const __grid_constant__ CrossLayers a) {
  const int l = blockIdx.x;
  float offset = 0;
  for (int k = threadIdx.x; k < a.ld; k += kCrossThreads) {
    float sum = 0;
    for (int m = 0; m < l; m++) sum += a.biases[m * a.ld + k];
    a.bias_sums[l * a.ld + k] = sum;
    if (l < a.L) offset = fmaf(sum, a.weights[l * a.ld + k], offset);
  }
  offset = sum_of_block<kCrossThreads>(offset);
  if (threadIdx.x == 0 && l < a.L) a.offsets[l] = offset;
}

extern "C" __global__ void __launch_bounds__(kCrossThreads)
    cross_forward(const __grid_constant__ CrossForwardArguments a) {
  const int64_t b = row_of_warp();
  if (b >= a.B) return;
  const CrossLayers& layers = a.layers;
  const HeldRow x(a.x + b * layers.ld, layers.ld);
  float factor = 1;
  for (int l = 0; l < layers.L; l++) {
    const float product = x.dot(layers.weights + l * layers.ld);
    if (a.factors && threadIdx.x % 32 == 0) a.factors[b * layers.L + l] = {product, factor};
    factor += fmaf(product, factor, layers.offsets[l]);
  }
  const float* biases = layers.bias_sums + layers.L * layers.ld;
  x.each([&](int k, const float4& quad) {
    float4 out = load4(biases + k);
    add_scaled(out, factor, quad);
    store4(a.out + b * layers.ld + k, out, layers.K - k);
  });
}

extern "C" __global__ void __launch_bounds__(kCrossThreads)
    cross_backward_rows(const __grid_constant__ CrossBackwardArguments a) {
  const int64_t b = row_of_warp();
  if (b >= a.B) return;
  const CrossLayers& layers = a.layers;
  const HeldRow dout(a.dout + b * layers.ld, layers.ld);
  pss::CrossSlope* slopes = a.slopes + b * layers.L;
  const pss::CrossFactor* factors = a.factors + b * layers.L;
  float slope = dout.dot(a.x + b * layers.ld);
  for (int l = layers.L - 1; l >= 0; l--) {
    const pss::CrossFactor factor = factors[l];
    if (threadIdx.x % 32 == 0) slopes[l] = {slope, slope * factor.factor};
    slope = fmaf(slope, factor.product, slope);
  }
  if (!a.dx) return;
  __syncwarp();
  const pss::CrossFactor last = factors[layers.L - 1];
  const float factor = last.factor + fmaf(last.product, last.factor, layers.offsets[layers.L - 1]);
  dout.each([&](int k, const float4& quad) {
    float4 dx{};
    add_scaled(dx, factor, quad);
    for (int l = 0; l < layers.L; l++) {
      add_scaled(dx, slopes[l].scaled, load4(layers.weights + l * layers.ld + k));
    }
    store4(a.dx + b * layers.ld + k, dx, layers.K - k);
  });
}

// Sum 0 of a column is dout's, sum l + 1 that of x times scaled_l; z of the grid tells which four.
extern "C" __global__ void __launch_bounds__(kCrossThreads)
    cross_backward_columns(const __grid_constant__ CrossBackwardArguments a) {
  const CrossLayers& layers = a.layers;
  const int column = blockIdx.x * pss::kSummedColumns + 4 * (threadIdx.x % 32);
  const int first = blockIdx.y * kCrossRows, last = min(a.B, first + kCrossRows);
  const int first_sum = blockIdx.z * kCrossSums;
  float4 sums[kCrossSums]{};
  for (int b = first + static_cast<int>(threadIdx.x) / 32; b < last && column < layers.ld; b += kWarps) {
    const int64_t at = b * layers.ld + column;
    const float4 x = load4(a.x + at);
    if (first_sum == 0) add4(sums[0], load4(a.dout + at));
#pragma unroll
    for (int i = 0; i < kCrossSums; i++) {
      const int l = first_sum + i - 1;
      if (l >= 0 && l < layers.L) add_scaled(sums[i], a.slopes[int64_t{b} * layers.L + l].scaled, x);
    }
  }
#pragma unroll
  for (int i = 0; i < kCrossSums; i++) {
    const int sum = first_sum + i;
    if (sum > layers.L) break;
    float* partials = a.partials + (int64_t{blockIdx.y} * (layers.L + 1) + sum) * layers.ld;
    pss::store_column_sums<kWarps>(partials, sums[i], static_cast<int>(layers.ld));
  }
}

extern "C" __global__ void __launch_bounds__(pss::kCrossGradientThreads)
    cross_gradients(const __grid_constant__ CrossBackwardArguments a) {
  const CrossLayers& layers = a.layers;
  const int64_t k = int64_t{blockIdx.x} * pss::kCrossGradientThreads + threadIdx.x;
  const bool inside = k < layers.ld;
  const auto column_sum = [&](int sum) {
    float total = 0;
    for (int block = 0; block < a.row_blocks && inside; block++) {
      total += a.partials[(static_cast<int64_t>(block) * (layers.L + 1) + sum) * layers.ld + k];
    }
    return total;
  };
  float dbias = column_sum(0);
  for (int l = layers.L - 1; l >= 0; l--) {
    float part = 0;
    for (int64_t b = threadIdx.x; b < a.B; b += pss::kCrossGradientThreads) {
      part += a.slopes[b * layers.L + l].slope;
    }
    const float slope = sum_of_block<pss::kCrossGradientThreads>(part);
    if (!inside) continue;
    const int64_t at = l * layers.ld + k;
    a.dweights[at] = fmaf(slope, layers.bias_sums[at], column_sum(l + 1));
    a.dbiases[at] = dbias;
    dbias = fmaf(slope, layers.weights[at], dbias);
  }
}
