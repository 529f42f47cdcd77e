// Each of these is wrong in one way that the emulator must show.
#include <cassert>

extern "C" __global__ void bad_assert(const int* p, int n) {
  assert(p[threadIdx.x] < n);
}
extern "C" __global__ void bad_missing_barrier(const float* x, float* o) {
  __shared__ float s[256];
  int t = threadIdx.x;
  s[t] = x[t];
  o[t] = s[255 - t];
}
extern "C" __global__ void bad_missing_barrier16(const unsigned short* x, unsigned short* o) {
  __shared__ unsigned short s[256];
  int t = threadIdx.x;
  s[t] = x[t];
  o[t] = s[255 - t];
}
extern "C" __global__ void bad_unguarded_tail(const float* x, float* o) {
  o[threadIdx.x] = x[threadIdx.x + 1];
}
extern "C" __global__ void bad_alignment(const float* x, float4* o) {
  o[threadIdx.x] = *reinterpret_cast<const float4*>(x + threadIdx.x * 4 + 1);
}
extern "C" __global__ void bad_diverged_barrier(float* o) {
  if (threadIdx.x < 16) {
    __shared__ int z;
    z = 1;
    asm volatile("bar.sync 1, 64;");
    o[0] = z;
  }
}
extern "C" __global__ void bad_uninitialised_shared(float* o) {
  __shared__ float s[64];
  if (threadIdx.x < 32) s[threadIdx.x] = 1;
  __syncthreads();
  o[threadIdx.x] = s[threadIdx.x + 8];
}
extern "C" __global__ void bad_shared_index(float* o, int i) {
  __shared__ float s[64];
  s[threadIdx.x] = 1;
  __syncthreads();
  o[threadIdx.x] = s[threadIdx.x + i];
}
extern "C" __global__ void bad_endless(volatile int* flag) {
  while (*flag == 0) {
  }
}
extern "C" __global__ void bad_mask(float* o) {
  if (threadIdx.x < 16) o[threadIdx.x] = __shfl_sync(0xffff0000u, 1.f, 0);
}
extern "C" __global__ void bad_instruction(unsigned* o) {
  asm volatile("{.reg .b64 s; mov.b64 s, 0; cp.async.bulk.commit_group;}");
  o[threadIdx.x] = 1;
}
