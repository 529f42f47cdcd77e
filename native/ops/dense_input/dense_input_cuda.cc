#include "ops/dense_input/dense_input_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/dense_input/dense_input_kernel.h"

namespace pss {

DenseInputCuda::DenseInputCuda(const CudaOpContext& context, Tensor* out)
    : context_(context), out_(out), kernel_(context.device->kernel("dense_input_kernel", "dense_input")) {}

void DenseInputCuda::forward(const Batch& batch) {
  const DenseInputArguments arguments{out_->value, batch.dense, batch.B * out_->cols,
                                      static_cast<int32_t>(out_->cols), static_cast<int32_t>(out_->ld)};
  launch(kernel_,
         {.grid_x = blocks_for(arguments.elements, kDenseInputThreads), .threads = kDenseInputThreads},
         *context_.stream, arguments);
}

}  // namespace pss
