// Matrix products of float32 on tensor cores, with the epilogues of a layer: see GemmArguments.
//
// A block computes a square tile of C; each warp 32 (small tile) or 64 (large) rows and 32 columns of it with
// mma.m16n8k8. Tiles of A and B come through three shared-memory stages filled by cp.async; fragments are
// read without bank conflicts (gemm_tile.cuh). Tails are filled with zeros and not stored. Every sum has a
// fixed order: the same bits every time, on any GPU of compute capability 8.0 and above.
//
// float32 is computed as three TF32 products: x = hi + lo with hi and lo rounded to 11 bits of mantissa, and
// x*y = lo*hi + hi*lo + hi*hi. What is left out is below 2^-21 of a product, less than float32 sums of more
// than a few terms round away, at 2.7 times (A100: 156 / 3 against 19.5 TFLOP/s) the rate of plain
// multiply-adds. Tensor cores truncate their sums, so each stage's 32 products are added to the accumulator
// by ordinary rounded additions. `tf32` takes hi*hi alone. Below 8.0, which has no TF32, the same tiles are
// multiplied by plain multiply-adds.
//
// Flops 2*m*n*k (three times that on the tensor cores). Bytes from memory at least 4*(m*k + n*k + m*n); each
// tile of A is read by every block of its row, m*k*n/tile floats in all, from the L2 cache.
#pragma once

#include "backend/cuda/gemm_tile.cuh"

namespace {

using pss::GemmArguments;
using pss::kGemmK;
using pss::kGemmStages;

constexpr unsigned kFull = 0xffffffffu;
constexpr int kWarpColumns = 32;
constexpr int kNTiles = kWarpColumns / 8;  // mma tiles across a warp's columns

#if PSS_HAS_ASYNC_COPY

__device__ uint32_t to_tf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

struct Split {
  uint32_t hi, lo;
};

__device__ Split split(uint32_t bits) {
  const float x = __uint_as_float(bits);
  const uint32_t hi = to_tf32(x);
  return {hi, to_tf32(x - __uint_as_float(hi))};
}

__device__ void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Adds the products of one stage to a warp's accumulators, three TF32 products for each float32 one.
template <int kMTiles, typename TileA, typename TileB>
__device__ void multiply_float32(float (&sum)[kMTiles][kNTiles][4], const float* a_tile, const float* b_tile,
                                 int row, int column) {
  float part[kMTiles][kNTiles][4] = {};
#pragma unroll 2
  for (int k = 0; k < kGemmK; k += 8) {
    Split b[kNTiles][2];
#pragma unroll
    for (int pair = 0; pair < kNTiles / 2; pair++) {
      uint32_t words[4];
      TileB::fragment_b(words, b_tile, column + 16 * pair, k);
#pragma unroll
      for (int i = 0; i < 4; i++) b[2 * pair + i / 2][i % 2] = split(words[i]);
    }
#pragma unroll
    for (int mt = 0; mt < kMTiles; mt++) {
      uint32_t words[4], hi[4], lo[4];
      TileA::fragment_a(words, a_tile, row + 16 * mt, k);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const Split parts = split(words[i]);
        hi[i] = parts.hi;
        lo[i] = parts.lo;
      }
#pragma unroll
      for (int nt = 0; nt < kNTiles; nt++) {
        mma(part[mt][nt], lo, b[nt][0].hi, b[nt][1].hi);
        mma(part[mt][nt], hi, b[nt][0].lo, b[nt][1].lo);
        mma(part[mt][nt], hi, b[nt][0].hi, b[nt][1].hi);
      }
    }
  }
#pragma unroll
  for (int mt = 0; mt < kMTiles; mt++) {
#pragma unroll
    for (int nt = 0; nt < kNTiles; nt++) {
#pragma unroll
      for (int i = 0; i < 4; i++) sum[mt][nt][i] += part[mt][nt][i];
    }
  }
}

template <int kMTiles, typename TileA, typename TileB>
__device__ void multiply_tf32(float (&sum)[kMTiles][kNTiles][4], const float* a_tile, const float* b_tile,
                              int row, int column) {
#pragma unroll
  for (int k = 0; k < kGemmK; k += 8) {
    uint32_t b[kNTiles / 2][4];
#pragma unroll
    for (int pair = 0; pair < kNTiles / 2; pair++) {
      TileB::fragment_b(b[pair], b_tile, column + 16 * pair, k);
#pragma unroll
      for (int i = 0; i < 4; i++) b[pair][i] = to_tf32(__uint_as_float(b[pair][i]));
    }
#pragma unroll
    for (int mt = 0; mt < kMTiles; mt++) {
      uint32_t a[4];
      TileA::fragment_a(a, a_tile, row + 16 * mt, k);
#pragma unroll
      for (int i = 0; i < 4; i++) a[i] = to_tf32(__uint_as_float(a[i]));
#pragma unroll
      for (int nt = 0; nt < kNTiles; nt++)
        mma(sum[mt][nt], a, b[nt / 2][nt % 2 * 2], b[nt / 2][nt % 2 * 2 + 1]);
    }
  }
}

#else

// The sums of multiply_float32 by plain multiply-adds, each thread computing the elements that an mma would
// have left it.
template <int kMTiles, typename TileA, typename TileB>
__device__ void multiply_plain(float (&sum)[kMTiles][kNTiles][4], const float* a_tile, const float* b_tile,
                               int row, int column) {
  const int group = threadIdx.x % 32 / 4, quad = threadIdx.x % 4;
  for (int k = 0; k < kGemmK; k++) {
    float b[kNTiles][2];
#pragma unroll
    for (int nt = 0; nt < kNTiles; nt++) {
      b[nt][0] = b_tile[TileB::offset(column + 8 * nt + 2 * quad, k)];
      b[nt][1] = b_tile[TileB::offset(column + 8 * nt + 2 * quad + 1, k)];
    }
#pragma unroll
    for (int mt = 0; mt < kMTiles; mt++) {
      const float upper = a_tile[TileA::offset(row + 16 * mt + group, k)];
      const float lower = a_tile[TileA::offset(row + 16 * mt + group + 8, k)];
#pragma unroll
      for (int nt = 0; nt < kNTiles; nt++) {
        sum[mt][nt][0] = fmaf(upper, b[nt][0], sum[mt][nt][0]);
        sum[mt][nt][1] = fmaf(upper, b[nt][1], sum[mt][nt][1]);
        sum[mt][nt][2] = fmaf(lower, b[nt][0], sum[mt][nt][2]);
        sum[mt][nt][3] = fmaf(lower, b[nt][1], sum[mt][nt][3]);
      }
    }
  }
}

#endif

// Bias and ReLU, or mask, and the store of two neighbouring elements of a row; leaves in `value` what was
// stored.
__device__ void finish_pair(float (&value)[2], const GemmArguments& p, float* c, int row, int column) {
  if (row >= p.m) return;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    if (column + i >= p.n) continue;
    if (p.bias) value[i] += p.bias[column + i];
    if (p.relu) value[i] = value[i] < 0 ? 0 : value[i];  // NaN stays
    if (p.mask && !(p.mask[row * p.mask_ld + column + i] > 0)) value[i] = 0;
  }
  float* out = c + row * p.c_ld + column;
  if (column + 1 < p.n) {
    *reinterpret_cast<float2*>(out) = float2{value[0], value[1]};
  } else if (column < p.n) {
    *out = value[0];
  }
}

template <int kTile, int kWarpRows, typename TileA, typename TileB, bool kTf32>
__device__ void gemm(const GemmArguments& p) {
  constexpr int kMTiles = kWarpRows / 16, kWarpsM = kTile / kWarpRows, kWarpsN = kTile / kWarpColumns;
  constexpr int kThreads = 32 * kWarpsM * kWarpsN, kTileFloats = kTile * kGemmK;
  extern __shared__ __align__(128) float shared[];
  const int row0 = blockIdx.y * kTile, column0 = blockIdx.x * kTile;
  const int k_begin = blockIdx.z * p.k_per_split;
  const int k_end = min(p.k, k_begin + p.k_per_split);
  const int steps = (k_end - k_begin + kGemmK - 1) / kGemmK;
  const int warp = threadIdx.x / 32;
  const int warp_row = warp / kWarpsN * kWarpRows, warp_column = warp % kWarpsN * kWarpColumns;

  const auto fill = [&](int step) {
    if (step < steps) {
      float* stage = shared + step % kGemmStages * 2 * kTileFloats;
      const int k = k_begin + step * kGemmK;
      TileA::template fill<kThreads>(stage, p.a, p.a_ld, row0, p.m, k, k_end);
      TileB::template fill<kThreads>(stage + kTileFloats, p.b, p.b_ld, column0, p.n, k, k_end);
    }
    pss::close_copies();
  };
  float sum[kMTiles][kNTiles][4] = {};
#pragma unroll
  for (int step = 0; step < kGemmStages - 1; step++) fill(step);
  for (int step = 0; step < steps; step++) {
    pss::wait_for_copies<kGemmStages - 2>();
    // Everyone's copies have landed, and everyone is done with the stage that is filled next.
    __syncthreads();
    fill(step + kGemmStages - 1);
    const float* a_tile = shared + step % kGemmStages * 2 * kTileFloats;
    const float* b_tile = a_tile + kTileFloats;
#if PSS_HAS_ASYNC_COPY
    if (kTf32) {
      multiply_tf32<kMTiles, TileA, TileB>(sum, a_tile, b_tile, warp_row, warp_column);
    } else {
      multiply_float32<kMTiles, TileA, TileB>(sum, a_tile, b_tile, warp_row, warp_column);
    }
#else
    multiply_plain<kMTiles, TileA, TileB>(sum, a_tile, b_tile, warp_row, warp_column);
#endif
  }

  const int group = threadIdx.x % 32 / 4, quad = threadIdx.x % 4;
  float* c = p.c + blockIdx.z * p.split_stride;
  float column_sum[kNTiles][2] = {};
#pragma unroll
  for (int mt = 0; mt < kMTiles; mt++) {
#pragma unroll
    for (int nt = 0; nt < kNTiles; nt++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float value[2] = {sum[mt][nt][2 * half], sum[mt][nt][2 * half + 1]};
        finish_pair(value, p, c, row0 + warp_row + 16 * mt + group + 8 * half,
                    column0 + warp_column + 8 * nt + 2 * quad);
        column_sum[nt][0] += value[0];
        column_sum[nt][1] += value[1];
      }
    }
  }
  if (!p.column_sums) return;
  // Rows beyond m are zero: their tiles were filled with zeros. Stages are free once all warps are here and
  // nothing is under way.
  pss::wait_for_copies<0>();
  __syncthreads();
#pragma unroll
  for (int nt = 0; nt < kNTiles; nt++) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float total = column_sum[nt][i];
#pragma unroll
      for (int lanes = 4; lanes < 32; lanes *= 2) total += __shfl_xor_sync(kFull, total, lanes);
      if (group == 0) shared[warp_row / kWarpRows * kTile + warp_column + 8 * nt + 2 * quad + i] = total;
    }
  }
  __syncthreads();
  const int column = threadIdx.x;
  if (column >= kTile || column0 + column >= p.n) return;
  float total = 0;
#pragma unroll
  for (int i = 0; i < kWarpsM; i++) total += shared[i * kTile + column];
  p.column_sums[blockIdx.y * p.sums_ld + column0 + column] = total;
}

}  // namespace

// The three layouts of a precision and tile: c where k is contiguous, s where it is strided, for A and then
// B.
#define PSS_GEMM_KERNELS(precision, size, tile, threads, warp_rows, tf32)                                \
  PSS_GEMM_KERNEL(cc, TileKContiguous, TileKContiguous, precision, size, tile, threads, warp_rows, tf32) \
  PSS_GEMM_KERNEL(cs, TileKContiguous, TileKStrided, precision, size, tile, threads, warp_rows, tf32)    \
  PSS_GEMM_KERNEL(ss, TileKStrided, TileKStrided, precision, size, tile, threads, warp_rows, tf32)

#define PSS_GEMM_KERNEL(layout, TileA, TileB, precision, size, tile, threads, warp_rows, tf32) \
  extern "C" __global__ void __launch_bounds__(threads)                                        \
      gemm_##layout##_##precision##_##size(const __grid_constant__ GemmArguments p) {          \
    gemm<tile, warp_rows, pss::TileA<tile>, pss::TileB<tile>, tf32>(p);                        \
  }
