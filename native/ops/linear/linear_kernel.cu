// What a layer needs beside matrix products: see linear.h for the formulas. Each sum is float32; x, dx and y
// are float32 or bfloat16 (below e bytes an element).
//
//   dot_rows      one warp a row; lanes take four elements at a time, then a fixed tree. e*K bytes a row.
//   outer_rows    blocks of 64 rows by 128 columns: dx, and partial sums of dW (and of dx, where that is
//   another
//                 layer's bias gradient). 2*e*K bytes a row at most.
//   mask_and_sum  the same blocks: dy masked, in place or rounded, and its partial column sums. 12*N bytes a
//   row at most. round_rows    float32 to bfloat16, four elements a thread: 6 bytes an element.
// Warps of a block take every eighth row; their sums are added in order: the same bits every time.
#include "backend/cuda/column_sums.cuh"
#include "ops/linear/linear_kernel.h"

namespace {

using pss::add4;
using pss::Bf16;
using pss::kLinearColumns;
using pss::kLinearRows;
using pss::kLinearThreads;
using pss::load4;
using pss::masked;
using pss::store4;
using pss::store_column_sums;

constexpr unsigned kFull = 0xffffffffu;
constexpr int kWarps = kLinearThreads / 32;
static_assert(kLinearColumns == pss::kSummedColumns, "a block's columns");

template <typename Element>
__device__ void dot_rows(const pss::DotRowsArguments& a) {
  const int b = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (b >= a.B) return;
  float sum = 0;
  for (int k = 4 * lane; k < a.K; k += 128) {
    const float4 x = load4(static_cast<const Element*>(a.x) + b * a.x_ld + k), w = load4(a.weights + k);
    sum = fmaf(x.x, w.x, sum);
    sum = fmaf(x.y, w.y, sum);
    sum = fmaf(x.z, w.z, sum);
    sum = fmaf(x.w, w.w, sum);
  }
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(kFull, sum, offset);
  if (lane != 0) return;
  if (a.bias) sum += a.bias[0];
  a.y[b] = a.relu && sum < 0 ? 0 : sum;
}

template <typename Element>
__device__ void outer_rows(const pss::OuterRowsArguments& a) {
  const int warp = threadIdx.x / 32;
  const int column = blockIdx.x * kLinearColumns + 4 * (threadIdx.x % 32);
  const int first = blockIdx.y * kLinearRows, last = min(a.B, first + kLinearRows);
  const bool inside = column < a.K;
  const float4 w = inside ? load4(a.weights + column) : float4{};
  float4 dw{}, dx_sum{};
  float db = 0;
  for (int b = first + warp; b < last; b += kWarps) {
    const float d = a.y && !(a.y[b] > 0) ? 0 : a.dy[b];
    db += d;
    if (!inside) continue;
    const float4 x = load4(static_cast<const Element*>(a.x) + b * a.x_ld + column);
    dw = {fmaf(d, x.x, dw.x), fmaf(d, x.y, dw.y), fmaf(d, x.z, dw.z), fmaf(d, x.w, dw.w)};
    if (!a.dx) continue;
    float4 dx = {d * w.x, d * w.y, d * w.z, d * w.w};
    if (a.mask_dx) dx = masked(dx, x);
    store4(static_cast<Element*>(a.dx) + b * a.x_ld + column, dx, a.K - column);
    add4(dx_sum, dx);
  }
  store_column_sums<kWarps>(a.dw_partials + blockIdx.y * a.partials_ld, dw, a.K);
  if (a.dx_sums) store_column_sums<kWarps>(a.dx_sums + blockIdx.y * a.partials_ld, dx_sum, a.K);
  if (blockIdx.x != 0) return;
  __shared__ float sums[kWarps];
  if (threadIdx.x % 32 == 0) sums[warp] = db;
  __syncthreads();
  if (threadIdx.x != 0) return;
  float total = 0;
  for (const float sum : sums) total += sum;
  a.db_partials[blockIdx.y] = total;
}

}  // namespace

#define PSS_LINEAR_KERNEL(name, Arguments, element, Element)                                         \
  extern "C" __global__ void __launch_bounds__(kLinearThreads) name##_##element(const Arguments a) { \
    name<Element>(a);                                                                                \
  }
PSS_LINEAR_KERNEL(dot_rows, pss::DotRowsArguments, f32, float)
PSS_LINEAR_KERNEL(dot_rows, pss::DotRowsArguments, bf16, Bf16)
PSS_LINEAR_KERNEL(outer_rows, pss::OuterRowsArguments, f32, float)
PSS_LINEAR_KERNEL(outer_rows, pss::OuterRowsArguments, bf16, Bf16)

extern "C" __global__ void __launch_bounds__(kLinearThreads) mask_and_sum(const pss::MaskAndSumArguments a) {
  const int column = blockIdx.x * kLinearColumns + 4 * (threadIdx.x % 32);
  const int first = blockIdx.y * kLinearRows, last = min(a.B, first + kLinearRows);
  float4 sum{};
  if (column < a.N) {
    for (int b = first + static_cast<int>(threadIdx.x) / 32; b < last; b += kWarps) {
      float* at = a.dy + b * a.ld + column;
      float4 dz = load4(at);
      if (a.y) dz = masked(dz, load4(a.y + b * a.ld + column));
      if (a.rounded) {
        store4(a.rounded + b * a.ld + column, dz, a.N - column);
      } else if (a.y) {
        store4(at, dz, a.N - column);
      }
      add4(sum, dz);
    }
  }
  store_column_sums<kWarps>(a.sums + blockIdx.y * a.sums_ld, sum, a.N);
}

extern "C" __global__ void __launch_bounds__(kLinearThreads) round_rows(const pss::RoundRowsArguments a) {
  const int64_t i = 4 * (int64_t{blockIdx.x} * kLinearThreads + threadIdx.x);
  if (i < a.count) store4(a.out + i, load4(a.in + i), 4);
}
