// out[b*ld + i] = dense[b*N + i]. One thread an element; reads are contiguous. 8 bytes moved an element.
#include "ops/dense_input/dense_input_kernel.h"

extern "C" __global__ void __launch_bounds__(pss::kDenseInputThreads)
    dense_input(const pss::DenseInputArguments a) {
  const int64_t i = int64_t{blockIdx.x} * pss::kDenseInputThreads + threadIdx.x;
  if (i >= a.elements) return;
  a.out[i / a.cols * a.ld + i % a.cols] = a.dense[i];
}
