// Bilinear products: see bilinear_interaction.h for the formulas. Below, a unit is what has a product t = W e
// of its own: a pair (`interaction`), or a first slot i with all its pairs (`each`, `all`).
//
//   bilinear_forward          a block takes some samples, whose slots lie in shared memory, and a share of
//   the
//                             units; a lane keeps a row of W and computes one component of t for eight
//                             samples
//   bilinear_transpose        W^T of every matrix, once a step
//   bilinear_input_gradient   the same samples; a warp takes a slot f and sums all of its gradient: as first
//                             of pairs W^T (dp * e_j), as second dp * t. t is computed again
//   bilinear_weight_gradient  a warp sums 16x16 of a unit's dW over some samples: one outer product each
//   bilinear_sum_gradient     adds the parts: one thread an element
// Every sum has one owner and runs in a fixed order: the same bits every time. Slots, and dp in each of the
// two gradients, come from memory once a block (dp twice in bilinear_input_gradient, as first and as second);
// flops are those of bilinear_interaction.h, for `each` and `all` more in the backward, where every second
// slot computes t.
#include "ops/bilinear_interaction/bilinear_interaction_kernel.h"

namespace {

using pss::BilinearArguments;
using pss::BilinearKind;
using pss::kBilinearSets;
using pss::kBilinearThreads;
using pss::kBilinearTile;

constexpr unsigned kFull = 0xffffffffu;
constexpr int kWarps = kBilinearThreads / 32;

extern __shared__ __align__(16) float shared_floats[];

__device__ int pair_of(const BilinearArguments& a, int i, int j) {
  return i * a.F - i * (i + 1) / 2 + j - i - 1;
}

__device__ int matrix_of(const BilinearArguments& a, int i, int j) {
  if (a.kind == BilinearKind::kInteraction) return pair_of(a, i, j);
  return a.kind == BilinearKind::kEach ? i : 0;
}

// What one thread works on: component d of samples first, first + groups, ... of the block's.
struct Share {
  int d, first, groups;
  __device__ int sample(int r) const { return first + r * groups; }
};

// The block's slots, each padded with zeros to Dp; samples beyond the batch are zero.
__device__ void load_slots(const BilinearArguments& a, int row0, int count) {
  for (int s = threadIdx.x / 32; s < a.samples; s += kWarps) {
    const float* from = a.slots + (row0 + s) * a.slots_ld;
    float* to = shared_floats + s * a.sample_stride;
    for (int f = 0; f < a.F; f++) {
      for (int k = threadIdx.x % 32; k < a.Dp; k += 32) {
        to[f * a.Dp + k] = s < count && k < a.D ? from[f * a.D + k] : 0;
      }
    }
  }
}

// sum[r] += row . (x + offsets[r]); each has Dp floats.
__device__ void multiply(float (&sum)[kBilinearSets], const float* row, const float* x,
                         const int (&offsets)[kBilinearSets], int Dp) {
  for (int k = 0; k < Dp; k += 4) {
    const float4 w = *reinterpret_cast<const float4*>(row + k);
#pragma unroll
    for (int r = 0; r < kBilinearSets; r++) {
      const float4 v = *reinterpret_cast<const float4*>(x + offsets[r] + k);
      sum[r] = fmaf(w.w, v.w, fmaf(w.z, v.z, fmaf(w.y, v.y, fmaf(w.x, v.x, sum[r]))));
    }
  }
}

// t = W e_i for the thread's share; samples past the block's end are read as its last one and not used.
__device__ void project(float (&t)[kBilinearSets], const BilinearArguments& a, const Share& own, int i,
                        int j) {
  int offsets[kBilinearSets];
#pragma unroll
  for (int r = 0; r < kBilinearSets; r++) {
    t[r] = 0;
    offsets[r] = min(own.sample(r), a.samples - 1) * a.sample_stride;
  }
  const float* row = a.matrices[matrix_of(a, i, j)].value + int64_t{min(own.d, a.D - 1)} * a.Dp;
  multiply(t, row, shared_floats + i * a.Dp, offsets, a.Dp);
}

// Calls body(share) for every share of the block's samples and D that this lane has.
template <typename Body>
__device__ void for_shares(const BilinearArguments& a, const Body& body) {
  const int lane = threadIdx.x % 32, groups = 32 / a.lanes;
  for (int d0 = 0; d0 < a.D; d0 += a.lanes) {
    for (int s0 = 0; s0 < a.samples; s0 += kBilinearSets * groups) {
      body(Share{d0 + lane % a.lanes, s0 + lane / a.lanes, groups});
    }
  }
}

// Products of first slot i with the second slots [j, end), which share t.
__device__ void multiply_pairs(const BilinearArguments& a, int row0, int count, int i, int j, int end) {
  for_shares(a, [&](const Share& own) {
    float t[kBilinearSets];
    project(t, a, own, i, j);
    if (own.d >= a.D) return;
    for (int second = j; second < end; second++) {
      float* out = a.out + row0 * a.out_ld + int64_t{pair_of(a, i, second)} * a.D + own.d;
#pragma unroll
      for (int r = 0; r < kBilinearSets; r++) {
        const int s = own.sample(r);
        if (s < count) out[s * a.out_ld] = t[r] * shared_floats[s * a.sample_stride + second * a.Dp + own.d];
      }
    }
  });
}

// dp * e_j, summed over the second slots [j, end), for all D of the share's samples: to the warp's scratch
// [samples of a turn, Dp], a group of lanes a sample.
__device__ void product_gradients(float* scratch, const BilinearArguments& a, const Share& own, int row0,
                                  int count, int i, int j, int end) {
  const int lane = threadIdx.x % 32;
  __syncwarp();
  for (int d = lane % a.lanes; d < a.Dp; d += a.lanes) {
#pragma unroll
    for (int r = 0; r < kBilinearSets; r++) {
      const int s = own.sample(r);
      float sum = 0;
      for (int second = j; second < end && s < count && d < a.D; second++) {
        sum = fmaf(a.dout[(row0 + s) * a.out_ld + int64_t{pair_of(a, i, second)} * a.D + d],
                   shared_floats[s * a.sample_stride + second * a.Dp + d], sum);
      }
      scratch[(lane / a.lanes + r * own.groups) * a.Dp + d] = sum;
    }
  }
  __syncwarp();
}

// The gradient of slot f for one share.
__device__ void slot_gradient(const BilinearArguments& a, float* scratch, const Share& own, int row0,
                              int count, int f) {
  float de[kBilinearSets] = {};
  int offsets[kBilinearSets];
#pragma unroll
  for (int r = 0; r < kBilinearSets; r++) offsets[r] = (threadIdx.x % 32 / a.lanes + r * own.groups) * a.Dp;
  const bool by_pair = a.kind == BilinearKind::kInteraction;
  const int d = min(own.d, a.D - 1);
  for (int j = f + 1; j < a.F; j = by_pair ? j + 1 : a.F) {
    product_gradients(scratch, a, own, row0, count, f, j, by_pair ? j + 1 : a.F);
    const float* row = a.transposed + (int64_t{matrix_of(a, f, j)} * a.D + d) * a.Dp;
    multiply(de, row, scratch, offsets, a.Dp);
  }
  for (int i = 0; i < f; i++) {
    float t[kBilinearSets];
    project(t, a, own, i, f);
    const float* dp = a.dout + row0 * a.out_ld + int64_t{pair_of(a, i, f)} * a.D + d;
#pragma unroll
    for (int r = 0; r < kBilinearSets; r++) {
      if (own.sample(r) < count) de[r] = fmaf(dp[own.sample(r) * a.out_ld], t[r], de[r]);
    }
  }
  if (own.d >= a.D) return;
#pragma unroll
  for (int r = 0; r < kBilinearSets; r++) {
    const int s = own.sample(r);
    if (s < count) a.dslots[(row0 + s) * a.slots_ld + int64_t{f} * a.D + own.d] = de[r];
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kBilinearThreads)
    bilinear_forward(const __grid_constant__ BilinearArguments a) {
  const int row0 = blockIdx.x * a.samples, count = min(a.samples, a.B - row0);
  load_slots(a, row0, count);
  __syncthreads();
  const int own = blockIdx.y * kWarps + threadIdx.x / 32, step = gridDim.y * kWarps;
  if (a.kind != BilinearKind::kInteraction) {
    for (int i = own; i < a.F - 1; i += step) multiply_pairs(a, row0, count, i, i + 1, a.F);
    return;
  }
  // Every step-th pair (i, i + 1 + rest): those of an i follow each other.
  int i = 0, rest = own;
  while (true) {
    while (i < a.F - 1 && rest >= a.F - 1 - i) rest -= a.F - 1 - i++;
    if (i >= a.F - 1) return;
    multiply_pairs(a, row0, count, i, i + 1 + rest, i + 2 + rest);
    rest += step;
  }
}

extern "C" __global__ void __launch_bounds__(kBilinearThreads)
    bilinear_transpose(const __grid_constant__ BilinearArguments a) {
  const int n = blockIdx.x * kBilinearThreads + threadIdx.x;
  if (n >= a.D * a.Dp) return;
  const int k = n / a.Dp, d = n % a.Dp;
  const float* value = a.matrices[blockIdx.y].value;
  a.transposed[int64_t{blockIdx.y} * a.D * a.Dp + n] = d < a.D ? value[d * a.Dp + k] : 0;
}

extern "C" __global__ void __launch_bounds__(kBilinearThreads)
    bilinear_input_gradient(const __grid_constant__ BilinearArguments a) {
  const int row0 = blockIdx.x * a.samples, count = min(a.samples, a.B - row0), warp = threadIdx.x / 32;
  load_slots(a, row0, count);
  __syncthreads();
  float* scratch = shared_floats + a.samples * a.sample_stride + warp * 32 / a.lanes * kBilinearSets * a.Dp;
  for (int f = blockIdx.y * kWarps + warp; f < a.F; f += gridDim.y * kWarps) {
    for_shares(a, [&](const Share& own) { slot_gradient(a, scratch, own, row0, count, f); });
  }
}

// A block takes unit x, rows of part y, and tile z of dW. A lane has column k of the tile and eight of its
// rows, whose dt it asks of the lanes that have them.
extern "C" __global__ void __launch_bounds__(kBilinearThreads)
    bilinear_weight_gradient(const __grid_constant__ BilinearArguments a) {
  constexpr int kRows = kBilinearTile / 2;
  // The lower rows lie half the banks further than the upper ones, which are stored at the same time.
  constexpr int kGap = kBilinearTile, kHalf = kBilinearTile * kRows;
  __shared__ float sums[kWarps][2 * kHalf + kGap];
  const int warp = threadIdx.x / 32, column = threadIdx.x % kBilinearTile;
  const int upper = threadIdx.x % 32 / kBilinearTile * kRows;
  const int tiles = a.Dp / kBilinearTile;
  const int d0 = blockIdx.z / tiles * kBilinearTile, k0 = blockIdx.z % tiles * kBilinearTile;
  const bool by_pair = a.kind == BilinearKind::kInteraction;
  int i = by_pair ? 0 : blockIdx.x, j = i + 1;
  if (by_pair) {
    int rest = blockIdx.x;
    while (rest >= a.F - 1 - i) rest -= a.F - 1 - i++;
    j = i + 1 + rest;
  }
  const int end = by_pair ? j + 1 : a.F;
  const int last = min(a.B, (static_cast<int>(blockIdx.y) + 1) * pss::kBilinearRows);
  const bool has_d = d0 + column < a.D, has_k = k0 + column < a.D;
  float sum[kRows] = {};
  for (int b = blockIdx.y * pss::kBilinearRows + warp; b < last; b += kWarps) {
    const float* e = a.slots + b * a.slots_ld;
    float dt = 0;
    for (int second = j; second < end && has_d; second++) {
      dt = fmaf(a.dout[b * a.out_ld + int64_t{pair_of(a, i, second)} * a.D + d0 + column],
                e[second * a.D + d0 + column], dt);
    }
    const float x = has_k ? e[i * a.D + k0 + column] : 0;
#pragma unroll
    for (int r = 0; r < kRows; r++) sum[r] = fmaf(__shfl_sync(kFull, dt, upper + r), x, sum[r]);
  }
#pragma unroll
  for (int r = 0; r < kRows; r++) {
    sums[warp][(upper + r) * kBilinearTile + (upper ? kGap : 0) + column] = sum[r];
  }
  __syncthreads();
  const int n = threadIdx.x, d = d0 + n / kBilinearTile, k = k0 + n % kBilinearTile;
  if (d >= a.D) return;
  float total = 0;
  for (int w = 0; w < kWarps; w++) total += sums[w][n < kHalf ? n : n + kGap];
  const int64_t part = a.first_part + static_cast<int>(blockIdx.y);
  a.partials[((part * gridDim.x + blockIdx.x) * a.D + d) * a.Dp + k] = k < a.D ? total : 0;
}

extern "C" __global__ void __launch_bounds__(kBilinearThreads)
    bilinear_sum_gradient(const __grid_constant__ pss::BilinearSumArguments a) {
  const int n = blockIdx.x * kBilinearThreads + threadIdx.x;
  if (n >= a.size) return;
  const int first = blockIdx.y * a.units_of_matrix;
  float sum = 0;
  for (int unit = first; unit < first + a.units_of_matrix; unit++) {
    for (int part = 0; part < a.parts; part++) {
      sum += a.partials[(int64_t{part} * a.units + unit) * a.size + n];
    }
  }
  a.matrices[blockIdx.y].gradient[n] = sum;
}
