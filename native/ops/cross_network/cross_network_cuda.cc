#include "ops/cross_network/cross_network_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/cross_network/cross_network.h"

namespace pss {

CrossNetworkCuda::CrossNetworkCuda(const CudaOpContext& context, const Tensor* x, const Parameter* weight,
                                   const Parameter* bias, Tensor* out)
    : context_(context),
      x_(x),
      weight_(weight),
      bias_(bias),
      out_(out),
      L_(static_cast<int32_t>(cross_shape(*x, *weight, *bias, *out).L)) {
  const auto kernel = [&](const char* name) { return context.device->kernel("cross_network_kernel", name); };
  prepare_ = kernel("cross_prepare");
  forward_ = kernel("cross_forward");
  backward_rows_ = kernel("cross_backward_rows");
  backward_columns_ = kernel("cross_backward_columns");
  gradients_ = kernel("cross_gradients");
  const auto memory = [&](int64_t count, size_t bytes) {
    return CudaMemory(static_cast<size_t>(count) * bytes, *context.stream);
  };
  bias_sums_ = memory((L_ + 1) * weight->ld, sizeof(float));
  offsets_ = memory(L_, sizeof(float));
  if (!context.training) return;
  factors_ = memory(context.max_batch * L_, sizeof(CrossFactor));
  slopes_ = memory(context.max_batch * L_, sizeof(CrossSlope));
  partials_ = memory(blocks_for(context.max_batch, kCrossRows) * (L_ + 1) * weight->ld, sizeof(float));
}

CrossLayers CrossNetworkCuda::layers() const {
  return {weight_->value, bias_->value, bias_sums_.as<float>(),        offsets_.as<float>(),
          weight_->ld,    L_,           static_cast<int32_t>(x_->cols)};
}

void CrossNetworkCuda::forward(const Batch& batch) {
  const CudaStream& stream = *context_.stream;
  launch(prepare_, {.grid_x = static_cast<unsigned>(L_) + 1, .threads = kCrossThreads}, stream, layers());
  launch(forward_, {.grid_x = blocks_for(batch.B, kCrossThreads / 32), .threads = kCrossThreads}, stream,
         CrossForwardArguments{out_->value, factors_.as<CrossFactor>(), x_->value, layers(),
                               static_cast<int32_t>(batch.B)});
}

void CrossNetworkCuda::backward(const Batch& batch) {
  const unsigned row_blocks = blocks_for(batch.B, kCrossRows);
  const CrossBackwardArguments arguments{x_->gradient,
                                         slopes_.as<CrossSlope>(),
                                         partials_.as<float>(),
                                         weight_->gradient,
                                         bias_->gradient,
                                         out_->gradient,
                                         x_->value,
                                         factors_.as<CrossFactor>(),
                                         layers(),
                                         static_cast<int32_t>(batch.B),
                                         static_cast<int32_t>(row_blocks)};
  const CudaStream& stream = *context_.stream;
  launch(backward_rows_, {.grid_x = blocks_for(batch.B, kCrossThreads / 32), .threads = kCrossThreads},
         stream, arguments);
  launch(backward_columns_,
         {.grid_x = blocks_for(weight_->ld, kCrossColumns),
          .grid_y = row_blocks,
          .grid_z = blocks_for(L_ + 1, kCrossSums),
          .threads = kCrossThreads},
         stream, arguments);
  launch(gradients_,
         {.grid_x = blocks_for(weight_->ld, kCrossGradientThreads), .threads = kCrossGradientThreads}, stream,
         arguments);
}

}  // namespace pss
