// The three products of a layer of a compressed interaction network, on tensor cores as in
// backend/cuda/gemm_body.cuh. z, of H*F rows, exists only as the tiles that are multiplied:
//
//   cin_forward          hidden = relu(W z + bias): a tile of z, 32 of its rows by 64 columns, is formed in
//                        shared memory as products of a row of the layer below and a row of the slots
//   cin_weight_gradient  dW = dh z^T: the same with 64 rows by 32 columns; long sums over few tiles are cut
//                        into parts, which the caller adds in order
//   cin_input_gradient   dz = W^T dh, 64 rows by 64 columns at a time, which a block goes through in order:
//   each
//                        tile is multiplied into the gradients of the two rows that made it, and forgotten
// While a tile is multiplied, the factors of the next are on their way to registers. Every sum has one owner
// and a fixed order: the same bits every time. Flops 2*N*H*F a column and product; a tile of z is formed by
// every block of its rows, N/64 times, from rows in the L1 and L2 caches.
#include <type_traits>

#include "backend/cuda/gemm_body.cuh"
#include "ops/cin/cin_kernel.h"

namespace {

using pss::CinProductArguments;
using pss::kCinRow;
using pss::kCinStages;
using pss::kCinStep;
using pss::kCinThreads;
using pss::kCinTile;

constexpr int kTileFloats = kCinTile * kCinStep;
constexpr int kWarpRows = 32, kMTiles = kWarpRows / 16;

using KContiguous = pss::TileKContiguous<kCinTile, float>;
using KStrided = pss::TileKStrided<kCinTile, float>;

struct Warp {
  int row, column;  // of the tile
};
__device__ Warp own_warp() {
  const int warp = threadIdx.x / 32;
  return {warp / 2 * kWarpRows, warp % 2 * pss::kWarpColumns};
}

// A tile of z that is being formed, as the second operand of a product: its columns are the product's
// (`kColumns`), or the sum's.
template <bool kColumns>
struct FormedTile {
  using Tile = std::conditional_t<kColumns, KStrided, KContiguous>;
  static constexpr int kQuadsOfRow = (kColumns ? kCinTile : kCinStep) / 4;
  static constexpr int kQuads = kTileFloats / 4 / kCinThreads;

  float4 below[kQuads], e[kQuads];

  __device__ static int row(int i) { return threadIdx.x / kQuadsOfRow + i * (kCinThreads / kQuadsOfRow); }
  __device__ static int column() { return 4 * (threadIdx.x % kQuadsOfRow); }

  // Asks for the factors of rows [row0, H*F) and columns [column0, end).
  __device__ void load(const CinProductArguments& a, int row0, int column0, int end) {
#pragma unroll
    for (int i = 0; i < kQuads; i++) {
      const int k = row0 + row(i), at = column0 + column();
      below[i] = e[i] = float4{};
      if (k >= a.H * a.F || at >= end) continue;
      const int h = k / a.by_F, m = k - h * a.F;
      below[i] = pss::load4(a.below + h * a.ld + at);
      e[i] = pss::load4(a.e + m * a.ld + at);
    }
  }

  __device__ void store(float* tile) const {
#pragma unroll
    for (int i = 0; i < kQuads; i++) {
      const int offset = kColumns ? Tile::offset(column(), row(i)) : Tile::offset(row(i), column());
      *reinterpret_cast<float4*>(tile + offset) = {below[i].x * e[i].x, below[i].y * e[i].y,
                                                   below[i].z * e[i].z, below[i].w * e[i].w};
    }
  }
};

// sum += A z over `steps` steps; copy_a(tile, step) starts the copies of a tile of A, load_z(formed, step)
// asks for the factors of one of z.
template <typename Precision, bool kColumns, typename CopyA, typename LoadZ>
__device__ void multiply_by_z(pss::Accumulators<kMTiles>& sum, int steps, const CopyA& copy_a,
                              const LoadZ& load_z) {
  __shared__ __align__(128) float tiles[2][2][kTileFloats];
  const Warp warp = own_warp();
  FormedTile<kColumns> z;
  copy_a(tiles[0][0], 0);
  pss::close_copies();
  load_z(z, 0);
  z.store(tiles[0][1]);
  for (int step = 0; step < steps; step++) {
    float(&stage)[2][kTileFloats] = tiles[step % 2];
    float(&next)[2][kTileFloats] = tiles[(step + 1) % 2];
    pss::wait_for_copies<0>();
    // This step's tiles are there, and everyone is done with the last step's.
    __syncthreads();
    if (step + 1 < steps) {
      copy_a(next[0], step + 1);
      load_z(z, step + 1);
    }
    pss::close_copies();
    Precision::template multiply<kMTiles, KContiguous, typename FormedTile<kColumns>::Tile>(
        sum, stage[0], stage[1], warp.row, warp.column);
    if (step + 1 < steps) z.store(next[1]);
  }
}

// Calls store(row, column, four neighbours) for the warp's share of a tile.
template <typename Store>
__device__ void for_quads(const pss::Accumulators<kMTiles>& sum, const Store& store) {
  const Warp warp = own_warp();
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
        store(warp.row + 16 * mt + group + 8 * half, warp.column + 16 * pair + 8 * odd + quad / 2 * 4,
              exchange(first[2 * half], first[2 * half + 1], second[2 * half], second[2 * half + 1], odd));
      }
    }
  }
}

template <typename Precision>
__device__ void forward(const CinProductArguments& a) {
  const int row0 = blockIdx.x * kCinTile, column0 = blockIdx.y * kCinTile, K = a.H * a.F;
  pss::Accumulators<kMTiles> sum = {};
  multiply_by_z<Precision, true>(
      sum, (K + kCinStep - 1) / kCinStep,
      [&](float* tile, int step) {
        KContiguous::fill<kCinThreads>(tile, a.weight, a.weight_ld, row0, a.N, step * kCinStep, K);
      },
      [&](FormedTile<true>& z, int step) { z.load(a, step * kCinStep, column0, a.columns); });
  const auto relu = [](float value) { return value < 0 ? 0 : value; };
  for_quads(sum, [&](int row, int column, const float4& value) {
    const int n = row0 + row;
    if (n >= a.N || column0 + column >= a.columns) return;
    const float bias = a.bias[n];
    pss::store4(a.hidden + n * a.ld + column0 + column,
                {relu(value.x + bias), relu(value.y + bias), relu(value.z + bias), relu(value.w + bias)}, 4);
  });
}

template <typename Precision>
__device__ void weight_gradient(const CinProductArguments& a) {
  const int k0 = blockIdx.x * kCinTile, row0 = blockIdx.y * kCinTile, K = a.H * a.F;
  const int first = blockIdx.z * a.columns_per_part, last = min(a.columns, first + a.columns_per_part);
  pss::Accumulators<kMTiles> sum = {};
  multiply_by_z<Precision, false>(
      sum, (last - first + kCinStep - 1) / kCinStep,
      [&](float* tile, int step) {
        KContiguous::fill<kCinThreads>(tile, a.hidden, a.ld, row0, a.N, first + step * kCinStep, last);
      },
      [&](FormedTile<false>& z, int step) { z.load(a, k0, first + step * kCinStep, last); });
  float* out = a.dweight + blockIdx.z * a.part_stride;
  for_quads(sum, [&](int row, int column, const float4& value) {
    if (row0 + row >= a.N) return;
    pss::store4(out + (row0 + row) * a.weight_ld + k0 + column, value, K - k0 - column);
  });
}

extern __shared__ __align__(128) float shared_floats[];

// A block's columns of dz, tile by tile, into the gradients of what z was made of.
struct InputGradient {
  const CinProductArguments& a;
  int column0;
  float* dz;     // [kCinTile, kCinRow]
  float* de;     // [F, kCinTile]
  float* carry;  // [2, kCinTile]: the begun sum of a row of the layer below that goes on in the next tile

  // Calls body(index, column) for index = 0, 1, ... below n, each by 64 neighbouring threads.
  template <typename Body>
  __device__ void for_columns(int n, const Body& body) const {
    const int column = threadIdx.x % kCinTile;
    if (column0 + column >= a.columns) return;
    for (int i = threadIdx.x / kCinTile; i < n; i += kCinThreads / kCinTile) body(i, column);
  }

  // Adds rows [k0, k0 + rows) of z to the slots' gradient: every row of the layer below once.
  __device__ void add_to_slots(int k0, int rows) const {
    for_columns(a.F, [&](int m, int column) {
      int h = k0 / a.by_F, k = h * a.F + m;
      if (k < k0) k += a.F, h++;
      float sum = de[m * kCinTile + column];
      for (; k < k0 + rows; k += a.F, h++) {
        sum = fmaf(dz[(k - k0) * kCinRow + column], a.below[h * a.ld + column0 + column], sum);
      }
      de[m * kCinTile + column] = sum;
    });
  }

  // Sums the same rows by row of the layer below. What is complete is masked and takes that row's place, or,
  // where the layer below is the slots, joins their gradient.
  __device__ void add_to_below(int k0, int rows, int tile) const {
    const int first = k0 / a.by_F, last = (k0 + rows - 1) / a.by_F;
    for_columns(last - first + 1, [&](int i, int column) {
      const int h = first + i, begin = h * a.F, end = begin + a.F;
      float sum = begin < k0 ? carry[tile % 2 * kCinTile + column] : 0;
      for (int k = max(begin, k0); k < min(end, k0 + rows); k++) {
        sum = fmaf(dz[(k - k0) * kCinRow + column], a.e[(k - begin) * a.ld + column0 + column], sum);
      }
      float* below = a.below + h * a.ld + column0 + column;
      if (end > k0 + rows) {
        carry[(tile + 1) % 2 * kCinTile + column] = sum;
      } else if (a.is_first) {
        de[h * kCinTile + column] += sum;
      } else {
        *below = *below > 0 ? sum : 0;
      }
    });
  }
};

template <typename Precision>
__device__ void input_gradient(const CinProductArguments& a) {
  float* stages = shared_floats;
  float* dz = stages + kCinStages * 2 * kTileFloats;
  const InputGradient gradient{a, static_cast<int>(blockIdx.x) * kCinTile, dz, dz + kCinTile * kCinRow,
                               dz + kCinTile * kCinRow + a.F * kCinTile};
  const int K = a.H * a.F, steps_of_tile = (a.N + kCinStep - 1) / kCinStep;
  const int tiles = (K + kCinTile - 1) / kCinTile, steps = tiles * steps_of_tile;
  const Warp warp = own_warp();
  const auto copy = [&](int step) {
    if (step < steps) {
      float* stage = stages + step % kCinStages * 2 * kTileFloats;
      const int n = step % steps_of_tile * kCinStep;
      KStrided::fill<kCinThreads>(stage, a.weight, a.weight_ld, step / steps_of_tile * kCinTile, K, n, a.N);
      KStrided::fill<kCinThreads>(stage + kTileFloats, a.hidden, a.ld, gradient.column0, a.columns, n, a.N);
    }
    pss::close_copies();
  };
  gradient.for_columns(a.F, [&](int m, int column) { gradient.de[m * kCinTile + column] = 0; });
#pragma unroll
  for (int step = 0; step < kCinStages - 1; step++) copy(step);
  for (int tile = 0; tile < tiles; tile++) {
    pss::Accumulators<kMTiles> sum = {};
    for (int i = 0; i < steps_of_tile; i++) {
      const int step = tile * steps_of_tile + i;
      pss::wait_for_copies<kCinStages - 2>();
      // Everyone's copies have landed, and everyone is done with the stage that is filled next.
      __syncthreads();
      copy(step + kCinStages - 1);
      const float* stage = stages + step % kCinStages * 2 * kTileFloats;
      Precision::template multiply<kMTiles, KStrided, KStrided>(sum, stage, stage + kTileFloats, warp.row,
                                                                warp.column);
    }
    for_quads(sum, [&](int row, int column, const float4& value) {
      pss::store4(dz + row * kCinRow + column, value, 4);
    });
    __syncthreads();
    const int k0 = tile * kCinTile, rows = min(kCinTile, K - k0);
    gradient.add_to_slots(k0, rows);
    // The layer below is read before its gradient takes its place. The next tile's first barrier keeps dz.
    __syncthreads();
    gradient.add_to_below(k0, rows, tile);
  }
  __syncthreads();
  gradient.for_columns(a.F, [&](int m, int column) {
    float* de = a.de + m * a.ld + gradient.column0 + column;
    *de = a.adds ? *de + gradient.de[m * kCinTile + column] : gradient.de[m * kCinTile + column];
  });
}

}  // namespace

#define PSS_CIN_KERNELS(Precision, precision)                                          \
  extern "C" __global__ void __launch_bounds__(kCinThreads)                            \
      cin_forward_##precision(const __grid_constant__ CinProductArguments a) {         \
    forward<pss::Precision>(a);                                                        \
  }                                                                                    \
  extern "C" __global__ void __launch_bounds__(kCinThreads)                            \
      cin_weight_gradient_##precision(const __grid_constant__ CinProductArguments a) { \
    weight_gradient<pss::Precision>(a);                                                \
  }                                                                                    \
  extern "C" __global__ void __launch_bounds__(kCinThreads)                            \
      cin_input_gradient_##precision(const __grid_constant__ CinProductArguments a) {  \
    input_gradient<pss::Precision>(a);                                                 \
  }
PSS_CIN_KERNELS(Float32, f32)
PSS_CIN_KERNELS(Tf32, tf32)
