// Kernels whose memory traffic is known, and three shapes of work that a trainer has.
#include <cstdint>

__device__ unsigned launches = 7;

__device__ __forceinline__ uint64_t mix64(uint64_t x) {
  x ^= x >> 30, x *= 0xBF58476D1CE4E5B9ull;
  x ^= x >> 27, x *= 0x94D049BB133111EBull;
  return x ^ x >> 31;
}

// out[n, dim] = table[hash(ids[n]), dim]
extern "C" __global__ void gather(const int64_t* ids, const float* table, float* out, int n, int dim,
                                  uint64_t rows, uint64_t salt) {
  int t = blockIdx.x * blockDim.x + threadIdx.x, r = t / dim, c = t % dim;
  if (r < n) {
    uint64_t hash = mix64(static_cast<uint64_t>(ids[r]) * 0x9E3779B97F4A7C15ull + salt);
    out[t] = table[hash % rows * dim + c];
  }
  if (t == 0) launches++;
}
// sum[index[n], dim] += grad[n, dim]
extern "C" __global__ void scatter_add(const int* index, const float* grad, float* sum, int n, int dim) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t < n * dim) atomicAdd(sum + index[t / dim] * dim + t % dim, grad[t]);
}
// c[m, n] = a[m, k] · b[k, n]
extern "C" __global__ void gemm(const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float as[16][16], bs[16][16];
  int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * 16 + y, col = blockIdx.x * 16 + x;
  float sum = 0;
  for (int p = 0; p < k; p += 16) {
    as[y][x] = row < m && p + x < k ? a[row * k + p + x] : 0;
    bs[y][x] = p + y < k && col < n ? b[(p + y) * n + col] : 0;
    __syncthreads();
    for (int i = 0; i < 16; i++) sum += as[y][i] * bs[i][x];
    __syncthreads();
  }
  if (row < m && col < n) c[row * n + col] = sum;
}

extern "C" __global__ void copy1(const float* a, float* b) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  b[t] = a[t];
}
extern "C" __global__ void copy4(const float4* a, float4* b) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  b[t] = a[t];
}
extern "C" __global__ void stride32(const float* a, float* b) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  b[t] = a[t * 32];
}
template <int W>
__device__ void transpose_tile(const float* a, float* b) {
  __shared__ float s[32][W];
  s[threadIdx.y][threadIdx.x] = a[threadIdx.y * 32 + threadIdx.x];
  __syncthreads();
  b[threadIdx.y * 32 + threadIdx.x] = s[threadIdx.x][threadIdx.y];
}
extern "C" __global__ void columns32(const float* a, float* b) {
  transpose_tile<32>(a, b);
}
extern "C" __global__ void columns33(const float* a, float* b) {
  transpose_tile<33>(a, b);
}
// Lane l makes l % 4 + 1 passes and reads in every other one: 4 warp instructions with 48 lanes in all.
extern "C" __global__ void ragged(const float* a, float* b, int parity) {
  int t = threadIdx.x;
  float s = 0;
#pragma unroll 1
  for (int i = 0; i <= t % 4; i++) {
    if ((i + t) % 2 == parity) s += a[i * 32 + t];
  }
  b[t] = s;
}
// y[i] = y[i] * a + b, in place: its order among other work shows.
extern "C" __global__ void scale_and_add(float* y, float a, float b, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t < n) y[t] = y[t] * a + b;
}
