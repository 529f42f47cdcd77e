#include "ops/tensor_train/tensor_train_cuda.h"

#include "backend/cuda/launch.h"
#include "base/error.h"

namespace pss {

TensorTrainCuda::TensorTrainCuda(const CudaOpContext& context, const TrainShape& shape,
                                 const std::array<const Tensor*, 3>& cores, Tensor* out)
    : context_(context),
      shape_(shape),
      cores_(cores),
      out_(out),
      bytes_(static_cast<unsigned>(shape.scratch() * static_cast<int64_t>(sizeof(float)))) {
  check_tensor_train(shape, cores, *out);
  if (2 * int64_t{bytes_} > kMostSharedBytes) {
    throw Error("ERR_GRAPH", "Rank " + std::to_string(shape.r) +
                                 " is too large for a GPU's shared memory; ask for more compression.");
  }
  const auto kernel = [&](const char* name, unsigned shared) {
    return context.device->kernel("tensor_train_kernel", name, static_cast<int>(shared));
  };
  forward_ = kernel("tensor_train_forward", bytes_);
  if (context.training) backward_ = kernel("tensor_train_backward", 2 * bytes_);
}

void TensorTrainCuda::run(CudaFunctionHandle kernel, unsigned shared_bytes, float* out, int64_t B) {
  TensorTrainArguments a{};
  for (size_t n = 0; n < 3; n++) {
    a.cores[n] = cores_[n]->value;
    a.dcores[n] = cores_[n]->gradient;
    a.core_ld[n] = cores_[n]->ld;
  }
  a.out = out;
  a.out_ld = out_->ld;
  a.slots = static_cast<int32_t>(out_->shape[0]);
  a.r = static_cast<int32_t>(shape_.r);
  a.d0 = static_cast<int32_t>(shape_.d0);
  a.d1 = static_cast<int32_t>(shape_.d1);
  a.d2 = static_cast<int32_t>(shape_.d2);
  launch(kernel,
         {.grid_x = static_cast<unsigned>(B),
          .grid_y = static_cast<unsigned>(a.slots),
          .threads = kTensorTrainThreads,
          .shared_bytes = shared_bytes},
         *context_.stream, a);
}

void TensorTrainCuda::forward(const Batch& batch) {
  run(forward_, bytes_, out_->value, batch.B);
}

void TensorTrainCuda::backward(const Batch& batch) {
  run(backward_, 2 * bytes_, out_->gradient, batch.B);
}

}  // namespace pss
