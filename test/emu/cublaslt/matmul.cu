// d[m, n] = sum over k of op(a)[m, k] * op(b)[k, n], matrices stored by columns. One thread an element, sums
// in order.
#include <cuda_bf16.h>

#include "matmul.h"

__device__ float element(const void* matrix, int64_t at, bool is_bf16) {
  return is_bf16 ? __bfloat162float(static_cast<const __nv_bfloat16*>(matrix)[at])
                 : static_cast<const float*>(matrix)[at];
}

extern "C" __global__ void cublaslt_matmul(const MatmulArguments p) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, j = blockIdx.y;
  if (i >= p.m) return;
  float sum = 0;
  for (int k = 0; k < p.k; k++) {
    const float a = element(p.a, p.a_transposed ? k + i * p.a_ld : i + k * p.a_ld, p.inputs_are_bf16);
    const float b = element(p.b, p.b_transposed ? j + k * p.b_ld : k + j * p.b_ld, p.inputs_are_bf16);
    sum = fmaf(a, b, sum);
  }
  if (p.output_is_bf16) {
    static_cast<__nv_bfloat16*>(p.d)[i + j * p.d_ld] = __float2bfloat16(sum);
  } else {
    static_cast<float*>(p.d)[i + j * p.d_ld] = sum;
  }
}
