// Tensor cores: wmma, mma.sync in three element types, ldmatrix, and cp.async.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

#include <cstdint>
using namespace nvcuda;

// c[16, 16] a warp; a row-major, b row-major or column-major, over k.
template <class T, class Layout, int K, class Storage>
__device__ void wmma_tile(const Storage* a, const Storage* b, float* c, int n, int k, bool column) {
  int row = blockIdx.y * 16, col = blockIdx.x * 16;
  wmma::fragment<wmma::matrix_a, 16, 16, K, T, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, K, T, Layout> fb;
  wmma::fragment<wmma::accumulator, 16, 16, K, float> fc;
  wmma::fill_fragment(fc, 0.f);
  for (int p = 0; p < k; p += K) {
    wmma::load_matrix_sync(fa, a + row * k + p, k);
    wmma::load_matrix_sync(fb, column ? b + col * k + p : b + p * n + col, column ? k : n);
    if constexpr (K == 8) {
      for (int i = 0; i < fa.num_elements; i++) fa.x[i] = wmma::__float_to_tf32(fa.x[i]);
      for (int i = 0; i < fb.num_elements; i++) fb.x[i] = wmma::__float_to_tf32(fb.x[i]);
    }
    wmma::mma_sync(fc, fa, fb, fc);
  }
  wmma::store_matrix_sync(c + row * n + col, fc, n, wmma::mem_row_major);
}
extern "C" __global__ void wmma_bf16(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int n, int k) {
  wmma_tile<__nv_bfloat16, wmma::row_major, 16>(a, b, c, n, k, false);
}
extern "C" __global__ void wmma_f16(const __half* a, const __half* b, float* c, int n, int k) {
  wmma_tile<__half, wmma::col_major, 16>(a, b, c, n, k, true);
}
extern "C" __global__ void wmma_tf32(const float* a, const float* b, float* c, int n, int k) {
  wmma_tile<wmma::precision::tf32, wmma::col_major, 8>(a, b, c, n, k, true);
}

__device__ __forceinline__ unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}
__device__ __forceinline__ void mma_bf16(float* c, const uint32_t* a, const uint32_t* b) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// c[16, 8] = a[16, 16] · bt[8, 16]ᵀ of one warp, through cp.async and ldmatrix. With `trans`, b is given as
// [16, 8] and ldmatrix transposes it.
extern "C" __global__ void mma_bf16_ldmatrix(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c,
                                             int trans) {
  __shared__ __align__(16) __nv_bfloat16 sa[16 * 16], sb[8 * 16];
  int l = threadIdx.x;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(sa + l * 8)), "l"(a + l * 8));
  if (l < 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(sb + l * 8)),
                 "l"(b + l * 8));
  }
  asm volatile("cp.async.commit_group;");
  asm volatile("cp.async.wait_group 0;" ::: "memory");
  __syncthreads();
  uint32_t ra[4], rb[2];
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(ra[0]), "=r"(ra[1]), "=r"(ra[2]), "=r"(ra[3])
               : "r"(shared_address(sa + (l & 15) * 16 + (l >> 4) * 8)));
  if (trans) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(rb[0]), "=r"(rb[1])
                 : "r"(shared_address(sb + (l & 15) * 8)));
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(rb[0]), "=r"(rb[1])
                 : "r"(shared_address(sb + (l & 7) * 16 + ((l >> 3) & 1) * 8)));
  }
  float r[4] = {0, 0, 0, 0};
  mma_bf16(r, ra, rb);
  int g = l >> 2, q = (l & 3) * 2;
  c[g * 8 + q] = r[0], c[g * 8 + q + 1] = r[1];
  c[(g + 8) * 8 + q] = r[2], c[(g + 8) * 8 + q + 1] = r[3];
}

// The documented layouts, element by element: m16n8k8 tf32 and m16n8k32 s8.
extern "C" __global__ void mma_layouts(const uint32_t* a, const uint32_t* b, float* c, const int8_t* a8,
                                       const int8_t* b8, int* c8) {
  int l = threadIdx.x, g = l >> 2, q = l & 3;
  uint32_t a0 = a[g * 8 + q], a1 = a[(g + 8) * 8 + q], a2 = a[g * 8 + q + 4], a3 = a[(g + 8) * 8 + q + 4];
  uint32_t b0 = b[q * 8 + g], b1 = b[(q + 4) * 8 + g];
  float r[4] = {0, 0, 0, 0};
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
      : "+f"(r[0]), "+f"(r[1]), "+f"(r[2]), "+f"(r[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  c[g * 8 + q * 2] = r[0], c[g * 8 + q * 2 + 1] = r[1];
  c[(g + 8) * 8 + q * 2] = r[2], c[(g + 8) * 8 + q * 2 + 1] = r[3];
  uint32_t x[4], y[2];
  for (int i = 0; i < 4; i++) {
    x[i] = *reinterpret_cast<const uint32_t*>(a8 + (g + (i & 1 ? 8 : 0)) * 32 + q * 4 + (i >> 1) * 16);
  }
  for (int i = 0; i < 2; i++) {
    y[i] = 0;
    for (int k = 0; k < 4; k++)
      y[i] |= static_cast<uint32_t>(static_cast<uint8_t>(b8[(q * 4 + k + i * 16) * 8 + g])) << (8 * k);
  }
  int d[4] = {0, 0, 0, 0};
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
      : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
  c8[g * 8 + q * 2] = d[0], c8[g * 8 + q * 2 + 1] = d[1];
  c8[(g + 8) * 8 + q * 2] = d[2], c8[(g + 8) * 8 + q * 2 + 1] = d[3];
}

// out[i] = float of bf16(x[i]) two at a time, tf32(x[i]) and the transposed 8×8 matrix of 16-bit indices.
extern "C" __global__ void conversions(const float* x, float* packed, uint32_t* tf32, uint16_t* transposed) {
  int l = threadIdx.x;
  uint32_t pair, rounded, moved, v = static_cast<uint32_t>(2 * l) | static_cast<uint32_t>(2 * l + 1) << 16;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(x[2 * l + 1]), "f"(x[2 * l]));
  packed[2 * l] = __uint_as_float(pair << 16);
  packed[2 * l + 1] = __uint_as_float(pair & 0xffff0000u);
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(x[l]));
  tf32[l] = rounded;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(moved) : "r"(v));
  transposed[2 * l] = moved & 0xffff;
  transposed[2 * l + 1] = moved >> 16;
}

// A pipeline of `stages` groups of cp.async: out[i] = 2 x[i] for i < n, zero beyond, 4 bytes at a time or 16.
template <int kBytes, int kStages>
__device__ void pipeline(const float* x, float* out, int n, int tiles) {
  constexpr int kFloats = kBytes / 4, kTile = 64 * kFloats;
  __shared__ __align__(16) float s[kStages][kTile];
  int t = threadIdx.x;
  auto fetch = [&](int tile) {
    int at = tile * kTile + t * kFloats, left = n - at;
    int bytes = left <= 0 ? 0 : left >= kFloats ? kBytes : left * 4;
    unsigned to = shared_address(&s[tile % kStages][t * kFloats]);
    const float* from = x + (left > 0 ? at : 0);
    if constexpr (kBytes == 16) {
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes));
    } else if constexpr (kBytes == 8) {
      asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(from), "r"(bytes));
    } else {
      asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(bytes));
    }
  };
  for (int i = 0; i < kStages - 1; i++) {
    if (i < tiles) fetch(i);
    asm volatile("cp.async.commit_group;");
  }
  for (int i = 0; i < tiles; i++) {
    asm volatile("cp.async.wait_group %0;" ::"n"(kStages - 2) : "memory");
    __syncthreads();
    if (i + kStages - 1 < tiles) fetch(i + kStages - 1);
    asm volatile("cp.async.commit_group;");
    for (int k = t; k < kTile; k += 64) out[i * kTile + k] = 2 * s[i % kStages][k ^ 1];
  }
}
extern "C" __global__ void pipeline4(const float* x, float* out, int n, int tiles) {
  pipeline<4, 2>(x, out, n, tiles);
}
extern "C" __global__ void pipeline8(const float* x, float* out, int n, int tiles) {
  pipeline<8, 3>(x, out, n, tiles);
}
extern "C" __global__ void pipeline16(const float* x, float* out, int n, int tiles) {
  pipeline<16, 4>(x, out, n, tiles);
}

// A pipeline whose next tile is fetched before the barrier: into the stage that other threads may still read.
extern "C" __global__ void bad_overwritten_stage(const float* x, float* out, int tiles) {
  __shared__ float s[2][64];
  int t = threadIdx.x;
  auto fetch = [&](int tile) {
    unsigned to = shared_address(&s[tile % 2][t]);
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(x + tile * 64 + t));
    asm volatile("cp.async.commit_group;");
  };
  fetch(0);
  for (int i = 0; i < tiles; i++) {
    if (i + 1 < tiles) fetch(i + 1);
    asm volatile("cp.async.wait_all;" ::: "memory");
    __syncthreads();
    out[i * 64 + t] = s[i % 2][63 - t];
  }
}
// The data is read before it has been waited for.
extern "C" __global__ void bad_missing_wait(const float4* x, float* o) {
  __shared__ float4 s[32];
  int l = threadIdx.x;
  asm volatile("cp.async.cg.shared.global [%0],[%1],16;" ::"r"(shared_address(s + l)), "l"(x + l));
  asm volatile("cp.async.commit_group;");
  __syncthreads();
  o[l] = s[31 - l].x;
  asm volatile("cp.async.wait_group 0;" ::: "memory");
}
