#include "ops/projection/projection_cuda.h"

#include "backend/cuda/launch.h"

namespace pss {

ProjectionCuda::ProjectionCuda(const CudaOpContext& context, std::vector<const Parameter*> weights,
                               const Tensor* in, Tensor* out)
    : context_(context), in_(in), out_(out) {
  check_projection(weights, *in, *out);
  const auto kernel = [&](const char* name) { return context.device->kernel("projection_kernel", name); };
  pack_ = kernel("projection_pack");
  forward_ = kernel("projection_forward");
  backward_ = kernel("projection_backward");
  gradient_ = kernel("projection_gradient");
  std::vector<ProjectionWeight> list;
  for (const Parameter* weight : weights) list.push_back({weight->value, weight->gradient, weight->ld});
  weights_ = upload(list, *context.stream);
  packed_ = CudaMemory(list.size() * static_cast<size_t>(in->shape[1] * out->shape[1]) * sizeof(float),
                       *context.stream);
}

ProjectionArguments ProjectionCuda::arguments(int64_t B) const {
  return {packed_.as<float>(),
          weights_.as<ProjectionWeight>(),
          in_->value,
          in_->value,
          out_->value,
          in_->ld,
          out_->ld,
          static_cast<int32_t>(in_->shape[0]),
          static_cast<int32_t>(in_->shape[1]),
          static_cast<int32_t>(out_->shape[1]),
          static_cast<int32_t>(B)};
}

unsigned ProjectionCuda::weight_blocks() const {
  return blocks_for(in_->shape[1] * out_->shape[1], kProjectionThreads);
}

void ProjectionCuda::forward(const Batch& batch) {
  const ProjectionArguments a = arguments(batch.B);
  const auto slots = static_cast<unsigned>(a.slots);
  launch(pack_, {.grid_x = weight_blocks(), .grid_y = slots, .threads = kProjectionThreads}, *context_.stream,
         a);
  launch(forward_, {.grid_x = static_cast<unsigned>(batch.B), .grid_y = slots, .threads = kProjectionThreads},
         *context_.stream, a);
}

void ProjectionCuda::backward(const Batch& batch) {
  ProjectionArguments a = arguments(batch.B);
  a.out = out_->gradient;
  launch(gradient_,
         {.grid_x = weight_blocks(), .grid_y = static_cast<unsigned>(a.slots), .threads = kProjectionThreads},
         *context_.stream, a);
  a.in = in_->gradient;
  if (!a.in) return;
  launch(backward_,
         {.grid_x = blocks_for(batch.B * a.slots, kProjectionThreads / 32), .threads = kProjectionThreads},
         *context_.stream, a);
}

}  // namespace pss
