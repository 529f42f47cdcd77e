// Tiles of a matrix in shared memory: how they are filled, and how warps read fragments from them without
// bank conflicts. A tile has `kRows` rows of the output's dimension (m or n) and kGemmK of the sum's (k).
#pragma once

#include <cstdint>

#include "backend/cuda/async_copy.cuh"
#include "backend/cuda/gemm_kernel.h"

namespace pss {

// Four 8x4 blocks of floats: lane l gets of block i the float (l / 4, l % 4); lanes 8i..8i+7 give the rows'
// addresses.
__device__ inline void load_blocks(uint32_t (&out)[4], const float* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row)));
}

// Rows of the source are the output's dimension: k is contiguous. In shared memory a row is 128 bytes, one
// bank line; its eight 16-byte chunks are permuted by chunk ^ (row % 8), so that the eight rows of an
// ldmatrix block start in different banks.
template <int kRows>
struct TileKContiguous {
  __device__ static int offset(int row, int k) {
    return row * kGemmK + ((((k >> 2) ^ (row & 7)) << 2) | (k & 3));
  }

  // Fills the tile from rows [row0, rows) and k [k0, k_end) of the source.
  template <int kThreads>
  __device__ static void fill(float* tile, const float* source, int64_t ld, int row0, int rows, int k0,
                              int k_end) {
    constexpr int kChunks = kGemmK / 4;
    const int chunk = threadIdx.x % kChunks;
    const int k = k0 + 4 * chunk;
#pragma unroll
    for (int i = 0; i < kRows * kChunks / kThreads; i++) {
      const int row = threadIdx.x / kChunks + i * (kThreads / kChunks);
      const bool valid = row0 + row < rows && k < k_end;
      copy_quad(tile + offset(row, 4 * chunk), valid ? source + (row0 + row) * ld + k : source, valid);
    }
  }
  // A's fragment of mma.m16n8k8: rows [row, row + 16), k [k, k + 8).
  __device__ static void fragment_a(uint32_t (&out)[4], const float* tile, int row, int k) {
    const int lane = threadIdx.x % 32;
    load_blocks(out, tile + offset(row + lane % 16, k + 4 * (lane / 16)));
  }
  // B's fragments for columns [row, row + 8) and [row + 8, row + 16): two registers each.
  __device__ static void fragment_b(uint32_t (&out)[4], const float* tile, int row, int k) {
    const int lane = threadIdx.x % 32;
    load_blocks(out, tile + offset(row + lane % 8 + 8 * (lane / 16), k + 4 * (lane / 8 % 2)));
  }
};

// Rows of the source are k: the output's dimension is contiguous. The chunks of row k are permuted by
// chunk ^ 2*(k % 4): the four k and eight rows that a warp reads at once lie in 32 different banks.
template <int kRows>
struct TileKStrided {
  __device__ static int offset(int row, int k) {
    return k * kRows + ((((row >> 2) ^ ((k & 3) << 1)) << 2) | (row & 3));
  }

  template <int kThreads>
  __device__ static void fill(float* tile, const float* source, int64_t ld, int row0, int rows, int k0,
                              int k_end) {
    constexpr int kChunks = kRows / 4;
    const int chunk = threadIdx.x % kChunks;
    const int row = row0 + 4 * chunk;
#pragma unroll
    for (int i = 0; i < kGemmK * kChunks / kThreads; i++) {
      const int k = threadIdx.x / kChunks + i * (kThreads / kChunks);
      const bool valid = k0 + k < k_end && row < rows;
      copy_quad(tile + offset(4 * chunk, k), valid ? source + (k0 + k) * ld + row : source, valid);
    }
  }
  __device__ static uint32_t word(const float* tile, int row, int k) {
    return __float_as_uint(tile[offset(row, k)]);
  }
  __device__ static void fragment_a(uint32_t (&out)[4], const float* tile, int row, int k) {
    const int group = threadIdx.x % 32 / 4, quad = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < 4; i++) out[i] = word(tile, row + group + 8 * (i % 2), k + quad + 4 * (i / 2));
  }
  __device__ static void fragment_b(uint32_t (&out)[4], const float* tile, int row, int k) {
    const int group = threadIdx.x % 32 / 4, quad = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < 4; i++) out[i] = word(tile, row + group + 8 * (i / 2), k + quad + 4 * (i % 2));
  }
};

}  // namespace pss
