// Atomics, reductions, warp collectives, dynamic shared memory, math functions, 16-bit floats.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

extern "C" __global__ void atomics(unsigned long long* sum, int* most, unsigned* cas, float* exchanged,
                                   int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  atomicAdd(sum, static_cast<unsigned long long>(t));
  atomicMax(most, (t * 7919) % 1009);
  unsigned old = *cas, assumed;
  do {
    assumed = old;
    old = atomicCAS(cas, assumed, assumed + 3u);
  } while (old != assumed);
  atomicExch(exchanged + (t & 31), static_cast<float>(t & 31));
  if (atomicAdd(exchanged + 32 + (t & 7), 0.5f) < 0) most[1] = 1;
}

extern "C" __global__ void block_sums(const float* __restrict__ x, float* out, int n) {
  __shared__ float s[256];
  int tid = threadIdx.x;
  float a = 0;
  for (int i = blockIdx.x * blockDim.x + tid; i < n; i += gridDim.x * blockDim.x) a += x[i];
  s[tid] = a;
  __syncthreads();
  for (int o = blockDim.x / 2; o > 0; o >>= 1) {
    if (tid < o) s[tid] += s[tid + o];
    __syncthreads();
  }
  if (tid == 0) out[blockIdx.x] = s[0];
}

// One row of results a thread: sum of the warp, ballot, any, all, up, broadcast, segment's lane 7,
// reductions.
extern "C" __global__ void collectives(const float* x, float* sums, unsigned* out, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  const unsigned all = 0xffffffffu;
  float v = t < n ? x[t] : 0.f, sum = v;
#pragma unroll
  for (int m = 16; m; m >>= 1) sum += __shfl_xor_sync(all, sum, m);
  float down = v;
#pragma unroll
  for (int m = 16; m; m >>= 1) down += __shfl_down_sync(all, down, m);
  unsigned* o = out + t * 10;
  o[0] = __ballot_sync(all, v > 0.5f);
  o[1] = __any_sync(all, v > 0.999f);
  o[2] = __all_sync(all, v >= 0.f);
  o[3] = __shfl_up_sync(all, static_cast<int>(threadIdx.x), 3);
  o[4] = __shfl_sync(all, t, 5);
  o[5] = static_cast<unsigned>(__shfl_sync(all, static_cast<unsigned long long>(t) << 33, 7, 16) >> 33);
  o[6] = __reduce_add_sync(all, static_cast<unsigned>(t));
  o[7] = __reduce_max_sync(all, static_cast<int>(t % 7) - 3);
  o[8] = __match_any_sync(all, t % 5);
  int same;
  o[9] = __match_all_sync(all, t / 32, &same);
  if (t < n) sums[t] = sum + (threadIdx.x % 32 == 0 ? down : sum);
}

// Positions of the odd keys, one atomic a warp; diverged lanes synchronise in part.
extern "C" __global__ void compact(const int* key, int* counter, int* positions, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned lane = threadIdx.x & 31;
  bool odd = t < n && (key[t] & 1);
  unsigned mask = __ballot_sync(0xffffffffu, odd);
  if (odd) {
    int leader = __ffs(mask) - 1, base = 0;
    if (static_cast<int>(lane) == leader) base = atomicAdd(counter, __popc(mask));
    base = __shfl_sync(mask, base, leader);
    positions[base + __popc(mask & ((1u << lane) - 1))] = t;
  }
}

extern "C" __global__ void gemm_dynamic(const float* a, const float* b, float* c, int m, int n, int k) {
  extern __shared__ float shared[];
  const int w = 16;
  float *as = shared, *bs = shared + w * w;
  int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * w + y, col = blockIdx.x * w + x;
  float sum = 0;
  for (int p = 0; p < k; p += w) {
    as[y * w + x] = row < m && p + x < k ? a[row * k + p + x] : 0.f;
    bs[y * w + x] = col < n && p + y < k ? b[(p + y) * n + col] : 0.f;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < w; ++i) sum += as[y * w + i] * bs[i * w + x];
    __syncthreads();
  }
  if (row < m && col < n) c[row * n + col] = sum;
}

extern "C" __global__ void math(const float* x, float* o, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  float v = x[t];
  o[t * 8 + 0] = expf(v) / (1.f + expf(v));
  o[t * 8 + 1] = logf(fabsf(v) + 1e-3f);
  o[t * 8 + 2] = 1.f / (1.f + __expf(-v));
  o[t * 8 + 3] = rsqrtf(fabsf(v) + 1e-3f);
  o[t * 8 + 4] = sqrtf(fabsf(v)) / (v + 30.f);
  o[t * 8 + 5] = tanhf(v);
  o[t * 8 + 6] = log1pf(expf(-fabsf(v)));
  o[t * 8 + 7] = powf(fabsf(v) + .1f, 1.7f);
}

// Rounding to 16 bits, and what packed arithmetic gives.
extern "C" __global__ void half_floats(const float* x, __half* h, __nv_bfloat16* b, float* o, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  h[t] = __float2half(x[t]);
  b[t] = __float2bfloat16(x[t]);
  __half2 p = __floats2half2_rn(x[t], 2.f * x[t]);
  p = __hmul2(p, p);
  __nv_bfloat162 q = __floats2bfloat162_rn(x[t], -x[t]);
  q = __hfma2(q, q, q);
  o[t] = __low2float(p) + __high2float(p);
  o[n + t] = __low2float(q);
  o[2 * n + t] = __high2float(q);
}
extern "C" __global__ void half_atomics(__nv_bfloat162* b, __half2* h, double* d) {
  atomicAdd(b, __floats2bfloat162_rn(1.f, 2.f));
  atomicAdd(h, __floats2half2_rn(0.5f, 1.f));
  atomicAdd(d, 0.25);
}

// 64-bit products, divisions, bit fields.
extern "C" __global__ void integers(const unsigned long long* x, unsigned long long* o, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  unsigned long long v = x[t];
  long long s = static_cast<long long>(v);
  unsigned w = static_cast<unsigned>(v);
  o[t * 10 + 0] = __umul64hi(v, 0x9E3779B97F4A7C15ull);
  o[t * 10 + 1] = static_cast<unsigned long long>(__mul64hi(s, -77));
  o[t * 10 + 2] = v % 1000003;
  o[t * 10 + 3] = static_cast<unsigned long long>(s / -1013);
  o[t * 10 + 4] = __popcll(v) * 100 + __clzll(s);
  o[t * 10 + 5] = __brev(w);
  o[t * 10 + 6] = __funnelshift_l(w, static_cast<unsigned>(v >> 32), w & 63);
  o[t * 10 + 7] = __byte_perm(w, static_cast<unsigned>(v >> 32), 0x5146);
  o[t * 10 + 8] = __umulhi(w, 0x85EBCA6Bu) + (static_cast<unsigned long long>(w) * (w >> 3));
  o[t * 10 + 9] = static_cast<unsigned long long>(__ffsll(s) + (s >> 61));
}

__constant__ float constants[8] = {1, 2, 3, 4, 5, 6, 7, 8};
__device__ int counter = 5;
__device__ __noinline__ double halved_roots(double a, int k) {
  double s = 0;
  for (int i = 0; i < k; i++) s = s * 0.5 + sqrt(a + i);
  return s;
}
// Local arrays, jump tables, calls, constants, printf.
extern "C" __global__ void language(float* o, double* d, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  float local[16];
  for (int i = 0; i < 16; i++) local[i] = i * t;
  float r = local[(t * 7) & 15];
  switch (t % 9) {
    case 0:
      r += 1;
      break;
    case 1:
      r *= 2;
      break;
    case 2:
      r -= 3;
      break;
    case 3:
      r = constants[t & 7];
      break;
    case 4:
      r = -r;
      break;
    case 5:
      r += __int2float_rn(atomicAdd(&counter, 1) >= 0);
      break;
    case 6:
      r /= 3;
      break;
    case 7:
      r = fmaxf(r, 40.f);
      break;
    default:
      r = __powf(2.f, 3.f);
  }
  o[t] = r;
  d[t] = halved_roots(t, (t & 3) + 1);
  if (t == 3) printf("thread %d has %.1f of a %s\n", t, r, "string");
}

// A thread that has returned does not keep the others from meeting.
extern "C" __global__ void early_exit(const float* x, float* o, int n) {
  int t = threadIdx.x;
  if (t >= n) return;
  float v = x[t];
  for (int m = 16; m; m >>= 1) v += __shfl_down_sync(0xffffffffu, v, m);
  o[t] = v;
  __syncthreads();
}
