// Matrix products on tensor cores, with the epilogues of a layer: see GemmArguments.
//
// A block computes a square tile of C; each warp 32 (small tile) or 64 (large) rows and 32 columns of it with
// mma.sync. Tiles of A and B come through three shared-memory stages filled by cp.async; fragments are
// read without bank conflicts (gemm_tile.cuh). Tails are filled with zeros and not stored. Every sum has a
// fixed order: the same bits every time, on any GPU of compute capability 8.0 and above.
//
// float32 is computed as three TF32 products: x = hi + lo with hi and lo rounded to 11 bits of mantissa, and
// x*y = lo*hi + hi*lo + hi*hi. What is left out is below 2^-21 of a product, less than float32 sums of more
// than a few terms round away, at 2.7 times (A100: 156 / 3 against 19.5 TFLOP/s) the rate of plain
// multiply-adds. Tensor cores truncate their sums, so each stage's 32 products are added to the accumulator
// by ordinary rounded additions. `tf32` takes hi*hi alone. bfloat16 inputs are multiplied exactly and summed
// in float32; C is rounded once, where it is stored as bfloat16, after the epilogue. Below 8.0, which has
// neither TF32 nor bfloat16, the same tiles are multiplied by plain multiply-adds.
//
// Flops 2*m*n*k (three times that on the tensor cores for float32). Bytes from memory at least
// s*(m*k + n*k + m*n), s being an element's; each tile of A is read by every block of its row, m*k*n/tile
// elements in all, from the L2 cache.
#pragma once

#include "backend/cuda/gemm_multiply.cuh"

namespace {

using pss::Bf16;
using pss::GemmArguments;
using pss::kGemmStages;
using pss::kNTiles;
using pss::kWarpColumns;

constexpr unsigned kFull = 0xffffffffu;
constexpr int kNPairs = kNTiles / 2;

// Bias and ReLU, or mask, and the store of four neighbouring elements of a row; leaves in `value` what they
// are, before they are rounded to C's type. C's rows are whole quads, so that columns beyond n are padding.
template <typename OutElement>
__device__ void finish_quad(float4& value, const GemmArguments& p, OutElement* c, int row, int column) {
  if (row >= p.m || column >= p.n) return;
  if (p.bias) {
    // The bias is padded like a row of C.
    const float4 bias = pss::load4(p.bias + column);
    pss::add4(value, bias);
  }
  if (p.relu) {
    // NaN stays.
    value = {value.x < 0 ? 0 : value.x, value.y < 0 ? 0 : value.y, value.z < 0 ? 0 : value.z,
             value.w < 0 ? 0 : value.w};
  }
  if (p.mask) {
    value = pss::masked(value, pss::load4(static_cast<const OutElement*>(p.mask) + row * p.mask_ld + column));
  }
  pss::store4(c + row * p.c_ld + column, value, p.n - column);
}

// The elements of two neighbouring mma tiles, exchanged between neighbouring lanes so that each has four of
// one row: an even lane's are in the first tile, an odd lane's in the second.
__device__ float4 exchange(float first0, float first1, float second0, float second1, bool odd) {
  const float sent0 = odd ? first0 : second0, sent1 = odd ? first1 : second1;
  const float got0 = __shfl_xor_sync(kFull, sent0, 1), got1 = __shfl_xor_sync(kFull, sent1, 1);
  return odd ? float4{got0, got1, second0, second1} : float4{first0, first1, got0, got1};
}

// Finishes a warp's share of C; leaves in `column_sum` the thread's sums of what was stored.
template <int kMTiles, typename OutElement>
__device__ void finish(float4 (&column_sum)[kNPairs], const pss::Accumulators<kMTiles>& sum,
                       const GemmArguments& p, OutElement* c, int row, int column) {
  const int group = threadIdx.x % 32 / 4, quad = threadIdx.x % 4;
  const bool odd = quad % 2 != 0;
#pragma unroll
  for (int mt = 0; mt < kMTiles; mt++) {
#pragma unroll
    for (int pair = 0; pair < kNPairs; pair++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const float(&first)[4] = sum[mt][2 * pair];
        const float(&second)[4] = sum[mt][2 * pair + 1];
        float4 value =
            exchange(first[2 * half], first[2 * half + 1], second[2 * half], second[2 * half + 1], odd);
        finish_quad(value, p, c, row + 16 * mt + group + 8 * half,
                    column + 16 * pair + 8 * odd + quad / 2 * 4);
        pss::add4(column_sum[pair], value);
      }
    }
  }
}

__device__ float sum_of_groups(float value) {
#pragma unroll
  for (int lanes = 4; lanes < 32; lanes *= 2) value += __shfl_xor_sync(kFull, value, lanes);
  return value;
}

// Sums of the block's rows. Rows beyond m are zero: their tiles were filled with zeros.
template <int kTile, int kWarpRows>
__device__ void store_column_sums(float4 (&column_sum)[kNPairs], float* shared, const GemmArguments& p,
                                  int warp_row, int warp_column) {
  const int quad = threadIdx.x % 4;
#pragma unroll
  for (int pair = 0; pair < kNPairs; pair++) {
    const float4 thread = column_sum[pair];
    const float4 total = {sum_of_groups(thread.x), sum_of_groups(thread.y), sum_of_groups(thread.z),
                          sum_of_groups(thread.w)};
    if (threadIdx.x % 32 >= 4) continue;
    const int column = warp_column + 16 * pair + quad % 2 * 8 + quad / 2 * 4;
    *reinterpret_cast<float4*>(shared + warp_row / kWarpRows * kTile + column) = total;
  }
  __syncthreads();
  const int column = threadIdx.x;
  if (column >= kTile || static_cast<int>(blockIdx.x) * kTile + column >= p.n) return;
  float total = 0;
#pragma unroll
  for (int i = 0; i < kTile / kWarpRows; i++) total += shared[i * kTile + column];
  p.column_sums[blockIdx.y * p.sums_ld + blockIdx.x * kTile + column] = total;
}

template <typename Precision, int kTile, int kWarpRows, typename TileA, typename TileB>
__device__ void gemm(const GemmArguments& p) {
  using Element = typename Precision::Element;
  constexpr int kMTiles = kWarpRows / 16, kWarpsM = kTile / kWarpRows, kWarpsN = kTile / kWarpColumns;
  constexpr int kThreads = 32 * kWarpsM * kWarpsN, kK = TileA::kK, kTileElements = kTile * kK;
  extern __shared__ __align__(128) char shared_bytes[];
  auto* shared = reinterpret_cast<Element*>(shared_bytes);
  const int row0 = blockIdx.y * kTile, column0 = blockIdx.x * kTile;
  const int k_begin = blockIdx.z * p.k_per_split;
  const int k_end = min(p.k, k_begin + p.k_per_split);
  const int steps = (k_end - k_begin + kK - 1) / kK;
  const int warp = threadIdx.x / 32;
  const int warp_row = warp / kWarpsN * kWarpRows, warp_column = warp % kWarpsN * kWarpColumns;

  const auto fill = [&](int step) {
    if (step < steps) {
      Element* stage = shared + step % kGemmStages * 2 * kTileElements;
      const int k = k_begin + step * kK;
      TileA::template fill<kThreads>(stage, static_cast<const Element*>(p.a), p.a_ld, row0, p.m, k, k_end);
      TileB::template fill<kThreads>(stage + kTileElements, static_cast<const Element*>(p.b), p.b_ld, column0,
                                     p.n, k, k_end);
    }
    pss::close_copies();
  };
  pss::Accumulators<kMTiles> sum = {};
#pragma unroll
  for (int step = 0; step < kGemmStages - 1; step++) fill(step);
  for (int step = 0; step < steps; step++) {
    pss::wait_for_copies<kGemmStages - 2>();
    // Everyone's copies have landed, and everyone is done with the stage that is filled next.
    __syncthreads();
    fill(step + kGemmStages - 1);
    const Element* a_tile = shared + step % kGemmStages * 2 * kTileElements;
    Precision::template multiply<kMTiles, TileA, TileB>(sum, a_tile, a_tile + kTileElements, warp_row,
                                                        warp_column);
  }

  float4 column_sum[kNPairs] = {};
  if (sizeof(Element) == sizeof(Bf16) && p.c_is_bf16) {
    finish(column_sum, sum, p, static_cast<Bf16*>(p.c), row0 + warp_row, column0 + warp_column);
  } else {
    finish(column_sum, sum, p, static_cast<float*>(p.c) + blockIdx.z * p.split_stride, row0 + warp_row,
           column0 + warp_column);
  }
  if (!p.column_sums) return;
  // Stages are free once all warps are here and nothing is under way.
  pss::wait_for_copies<0>();
  __syncthreads();
  store_column_sums<kTile, kWarpRows>(column_sum, reinterpret_cast<float*>(shared_bytes), p, warp_row,
                                      warp_column);
}

}  // namespace

// The three layouts of a precision and tile: c where k is contiguous, s where it is strided, for A and then
// B.
#define PSS_GEMM_KERNELS(Precision, precision, size, tile, threads, warp_rows)                             \
  PSS_GEMM_KERNEL(cc, TileKContiguous, TileKContiguous, Precision, precision, size, tile, threads,         \
                  warp_rows)                                                                               \
  PSS_GEMM_KERNEL(cs, TileKContiguous, TileKStrided, Precision, precision, size, tile, threads, warp_rows) \
  PSS_GEMM_KERNEL(ss, TileKStrided, TileKStrided, Precision, precision, size, tile, threads, warp_rows)

#define PSS_GEMM_KERNEL(layout, TileA, TileB, Precision, precision, size, tile, threads, warp_rows) \
  extern "C" __global__ void __launch_bounds__(threads)                                             \
      gemm_##layout##_##precision##_##size(const __grid_constant__ GemmArguments p) {               \
    using Element = pss::Precision::Element;                                                        \
    gemm<pss::Precision, tile, warp_rows, pss::TileA<tile, Element>, pss::TileB<tile, Element>>(p); \
  }
