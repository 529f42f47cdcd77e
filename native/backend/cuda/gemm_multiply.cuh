// How a warp multiplies the tiles of one pipeline stage, by precision: Float32, Tf32, Bfloat16. Each adds to
// its accumulators in a fixed order.
#pragma once

#include "backend/cuda/gemm_tile.cuh"

namespace pss {

constexpr int kWarpColumns = 32;
constexpr int kNTiles = kWarpColumns / 8;  // mma tiles across a warp's columns

// A warp's share of C: kMTiles by kNTiles results of mma.
template <int kMTiles>
using Accumulators = float[kMTiles][kNTiles][4];

#if PSS_HAS_ASYNC_COPY

__device__ inline uint32_t to_tf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

struct Split {
  uint32_t hi, lo;
};

__device__ inline Split split(uint32_t bits) {
  const float x = __uint_as_float(bits);
  const uint32_t hi = to_tf32(x);
  return {hi, to_tf32(x - __uint_as_float(hi))};
}

__device__ inline void mma_tf32(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Three TF32 products for each float32 one: gemm_body.cuh says why.
struct Float32 {
  using Element = float;

  template <int kMTiles, typename TileA, typename TileB>
  __device__ static void multiply(Accumulators<kMTiles>& sum, const float* a_tile, const float* b_tile,
                                  int row, int column) {
    float part[kMTiles][kNTiles][4] = {};
#pragma unroll 2
    for (int k = 0; k < TileA::kK; k += 8) {
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
          mma_tf32(part[mt][nt], lo, b[nt][0].hi, b[nt][1].hi);
          mma_tf32(part[mt][nt], hi, b[nt][0].lo, b[nt][1].lo);
          mma_tf32(part[mt][nt], hi, b[nt][0].hi, b[nt][1].hi);
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
};

struct Tf32 {
  using Element = float;

  template <int kMTiles, typename TileA, typename TileB>
  __device__ static void multiply(Accumulators<kMTiles>& sum, const float* a_tile, const float* b_tile,
                                  int row, int column) {
#pragma unroll
    for (int k = 0; k < TileA::kK; k += 8) {
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
          mma_tf32(sum[mt][nt], a, b[nt / 2][nt % 2 * 2], b[nt / 2][nt % 2 * 2 + 1]);
      }
    }
  }
};

struct Bfloat16 {
  using Element = Bf16;

  template <int kMTiles, typename TileA, typename TileB>
  __device__ static void multiply(Accumulators<kMTiles>& sum, const Bf16* a_tile, const Bf16* b_tile, int row,
                                  int column) {
#pragma unroll
    for (int k = 0; k < TileA::kK; k += 16) {
      uint32_t b[kNTiles / 2][4];
#pragma unroll
      for (int pair = 0; pair < kNTiles / 2; pair++) {
        TileB::fragment_b(b[pair], b_tile, column + 16 * pair, k);
      }
#pragma unroll
      for (int mt = 0; mt < kMTiles; mt++) {
        uint32_t a[4];
        TileA::fragment_a(a, a_tile, row + 16 * mt, k);
#pragma unroll
        for (int nt = 0; nt < kNTiles; nt++)
          mma_bf16(sum[mt][nt], a, b[nt / 2][nt % 2 * 2], b[nt / 2][nt % 2 * 2 + 1]);
      }
    }
  }
};

#else

__device__ inline float as_float(float value) {
  return value;
}
__device__ inline float as_float(Bf16 value) {
  return __uint_as_float(uint32_t{value.bits} << 16);
}

// Plain multiply-adds, each thread computing the elements that an mma would have left it.
template <typename ElementType>
struct Plain {
  using Element = ElementType;

  template <int kMTiles, typename TileA, typename TileB>
  __device__ static void multiply(Accumulators<kMTiles>& sum, const Element* a_tile, const Element* b_tile,
                                  int row, int column) {
    const int group = threadIdx.x % 32 / 4, quad = threadIdx.x % 4;
    for (int k = 0; k < TileA::kK; k++) {
      float b[kNTiles][2];
#pragma unroll
      for (int nt = 0; nt < kNTiles; nt++) {
        b[nt][0] = as_float(b_tile[TileB::offset(column + 8 * nt + 2 * quad, k)]);
        b[nt][1] = as_float(b_tile[TileB::offset(column + 8 * nt + 2 * quad + 1, k)]);
      }
#pragma unroll
      for (int mt = 0; mt < kMTiles; mt++) {
        const float upper = as_float(a_tile[TileA::offset(row + 16 * mt + group, k)]);
        const float lower = as_float(a_tile[TileA::offset(row + 16 * mt + group + 8, k)]);
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
};

using Float32 = Plain<float>;
using Tf32 = Plain<float>;
using Bfloat16 = Plain<Bf16>;

#endif

}  // namespace pss
