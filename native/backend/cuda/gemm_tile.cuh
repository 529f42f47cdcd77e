// Tiles of a matrix in shared memory: how they are filled, and how warps read fragments from them without
// bank conflicts. A tile has `kRows` rows of the output's dimension (m or n) and kGemmRowBytes of the sum's
// (k). Fragments are those of mma.m16n8k8 for float32 and mma.m16n8k16 for bfloat16: 32 bytes of k either
// way.
#pragma once

#include <cstdint>

#include "backend/cuda/async_copy.cuh"
#include "backend/cuda/gemm_kernel.h"
#include "backend/cuda/quad.cuh"

namespace pss {

// Four blocks of 8 rows of 16 bytes: lane l gets of block i word l % 4 of row l / 4; lanes 8i..8i+7 give the
// rows' addresses.
__device__ inline void load_blocks(uint32_t (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row)));
}

// The same of 16-bit elements, each block transposed: lane l gets column l / 4 of rows 2 * (l % 4) and the
// next.
__device__ inline void load_transposed_blocks(uint32_t (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row)));
}

// Rows of the source are the output's dimension: k is contiguous. In shared memory a row is 128 bytes, one
// bank line; its eight 16-byte chunks are permuted by chunk ^ (row % 8), so that the eight rows of an
// ldmatrix block start in different banks.
template <int kRows, typename Element>
struct TileKContiguous {
  static constexpr int kK = kGemmRowBytes / sizeof(Element), kChunk = 16 / sizeof(Element);

  __device__ static int offset(int row, int k) {
    return row * kK + (((k / kChunk) ^ (row & 7)) * kChunk | (k & (kChunk - 1)));
  }

  // Fills the tile from rows [row0, rows) and k [k0, k_end) of the source.
  template <int kThreads>
  __device__ static void fill(Element* tile, const Element* source, int64_t ld, int row0, int rows, int k0,
                              int k_end) {
    constexpr int kChunks = kK / kChunk;
    const int chunk = threadIdx.x % kChunks;
    const int k = k0 + kChunk * chunk;
#pragma unroll
    for (int i = 0; i < kRows * kChunks / kThreads; i++) {
      const int row = threadIdx.x / kChunks + i * (kThreads / kChunks);
      const bool valid = row0 + row < rows && k < k_end;
      copy_quad(tile + offset(row, kChunk * chunk), valid ? source + (row0 + row) * ld + k : source, valid);
    }
  }
  // A's fragment: rows [row, row + 16), 32 bytes of k.
  __device__ static void fragment_a(uint32_t (&out)[4], const Element* tile, int row, int k) {
    const int lane = threadIdx.x % 32;
    load_blocks(out, tile + offset(row + lane % 16, k + kChunk * (lane / 16)));
  }
  // B's fragments for columns [row, row + 8) and [row + 8, row + 16): two registers each.
  __device__ static void fragment_b(uint32_t (&out)[4], const Element* tile, int row, int k) {
    const int lane = threadIdx.x % 32;
    load_blocks(out, tile + offset(row + lane % 8 + 8 * (lane / 16), k + kChunk * (lane / 8 % 2)));
  }
};

// Rows of the source are k: the output's dimension is contiguous.
template <int kRows, typename Element>
struct TileKStrided;

// What both kinds of elements share; `Tile` says how the chunks of row k are permuted.
template <int kRows, typename Element, typename Tile>
struct TileKStridedBase {
  static constexpr int kK = kGemmRowBytes / sizeof(Element), kChunk = 16 / sizeof(Element);

  __device__ static int offset(int row, int k) {
    return k * kRows + ((row / kChunk ^ Tile::permutation(k)) * kChunk | (row & (kChunk - 1)));
  }

  template <int kThreads>
  __device__ static void fill(Element* tile, const Element* source, int64_t ld, int row0, int rows, int k0,
                              int k_end) {
    constexpr int kChunks = kRows / kChunk;
    const int chunk = threadIdx.x % kChunks;
    const int row = row0 + kChunk * chunk;
#pragma unroll
    for (int i = 0; i < kK * kChunks / kThreads; i++) {
      const int k = threadIdx.x / kChunks + i * (kThreads / kChunks);
      const bool valid = k0 + k < k_end && row < rows;
      copy_quad(tile + offset(kChunk * chunk, k), valid ? source + (k0 + k) * ld + row : source, valid);
    }
  }
};

// ldmatrix can't transpose 32-bit elements, so they are read one by one: the four k and eight rows that a
// warp reads at once lie in 32 different banks.
template <int kRows>
struct TileKStrided<kRows, float> : TileKStridedBase<kRows, float, TileKStrided<kRows, float>> {
  __device__ static int permutation(int k) { return (k & 3) << 1; }

  __device__ static uint32_t word(const float* tile, int row, int k) {
    return __float_as_uint(tile[TileKStrided::offset(row, k)]);
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

// A row is one or two bank lines; the eight k of an ldmatrix block start in different banks.
template <int kRows>
struct TileKStrided<kRows, Bf16> : TileKStridedBase<kRows, Bf16, TileKStrided<kRows, Bf16>> {
  __device__ static int permutation(int k) { return k & 7; }

  __device__ static void fragment_a(uint32_t (&out)[4], const Bf16* tile, int row, int k) {
    const int lane = threadIdx.x % 32;
    load_transposed_blocks(
        out, tile + TileKStrided::offset(row + 8 * (lane / 8 % 2), k + lane % 8 + 8 * (lane / 16)));
  }
  __device__ static void fragment_b(uint32_t (&out)[4], const Bf16* tile, int row, int k) {
    const int lane = threadIdx.x % 32;
    load_transposed_blocks(out, tile + TileKStrided::offset(row + 8 * (lane / 16), k + lane % 16));
  }
};

}  // namespace pss
