// Contracts the cores of a tensor-train embedding: see tensor_train.h. A block takes a slot of a sample; H,
// and dH in the backward pass, lie in shared memory, and each thread sums whole elements in the order of the
// reference.
#include "ops/tensor_train/tensor_train_kernel.h"

namespace {

using pss::TensorTrainArguments;

extern __shared__ float shared_floats[];

struct Slot {
  const float* cores[3];
  float* dcores[3];
  float* out;
};

__device__ Slot slot_of(const TensorTrainArguments& a) {
  const int64_t b = blockIdx.x, f = blockIdx.y;
  const int64_t widths[3] = {int64_t{a.d0} * a.r, int64_t{a.r} * a.d1 * a.r, int64_t{a.r} * a.d2};
  Slot slot;
  for (int n = 0; n < 3; n++) {
    const int64_t place = b * a.core_ld[n] + f * widths[n];
    slot.cores[n] = a.cores[n] + place;
    slot.dcores[n] = a.dcores[n] + place;
  }
  slot.out = a.out + b * a.out_ld + f * a.d0 * a.d1 * a.d2;
  return slot;
}

// Calls element(row, column) for every element of a matrix, and waits for all.
template <typename Element>
__device__ void for_each(int rows, int columns, const Element& element) {
  for (int n = threadIdx.x; n < rows * columns; n += pss::kTensorTrainThreads)
    element(n / columns, n % columns);
  __syncthreads();
}

__device__ void contract_first(float* h, const Slot& slot, const TensorTrainArguments& a) {
  const int width = a.d1 * a.r;
  for_each(a.d0, width, [&](int i, int n) {
    float sum = 0;
    for (int p = 0; p < a.r; p++) sum += slot.cores[0][i * a.r + p] * slot.cores[1][p * width + n];
    h[i * width + n] = sum;
  });
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kTensorTrainThreads)
    tensor_train_forward(const __grid_constant__ TensorTrainArguments a) {
  const Slot slot = slot_of(a);
  float* h = shared_floats;
  contract_first(h, slot, a);
  for_each(a.d0 * a.d1, a.d2, [&](int ab, int c) {
    float sum = 0;
    for (int q = 0; q < a.r; q++) sum += h[ab * a.r + q] * slot.cores[2][q * a.d2 + c];
    slot.out[ab * a.d2 + c] = sum;
  });
}

extern "C" __global__ void __launch_bounds__(pss::kTensorTrainThreads)
    tensor_train_backward(const __grid_constant__ TensorTrainArguments a) {
  const Slot slot = slot_of(a);
  const int width = a.d1 * a.r, rows = a.d0 * a.d1;
  float* h = shared_floats;
  float* dh = h + rows * a.r;
  contract_first(h, slot, a);
  for_each(rows, a.r, [&](int ab, int q) {
    float sum = 0;
    for (int c = 0; c < a.d2; c++) sum += slot.out[ab * a.d2 + c] * slot.cores[2][q * a.d2 + c];
    dh[ab * a.r + q] = sum;
  });
  for_each(a.r, a.d2, [&](int q, int c) {
    float sum = 0;
    for (int ab = 0; ab < rows; ab++) sum += h[ab * a.r + q] * slot.out[ab * a.d2 + c];
    slot.dcores[2][q * a.d2 + c] = sum;
  });
  for_each(a.d0, a.r, [&](int i, int p) {
    float sum = 0;
    for (int n = 0; n < width; n++) sum += dh[i * width + n] * slot.cores[1][p * width + n];
    slot.dcores[0][i * a.r + p] = sum;
  });
  for_each(a.r, width, [&](int p, int n) {
    float sum = 0;
    for (int i = 0; i < a.d0; i++) sum += slot.cores[0][i * a.r + p] * dh[i * width + n];
    slot.dcores[1][p * width + n] = sum;
  });
}
