#include "ops/sketch/sketch_cuda.h"

#include "backend/cuda/launch.h"

namespace pss {

SketchCuda::SketchCuda(const CudaOpContext& context, const SketchSpec& spec, int64_t id_columns,
                       const Parameter* memory, Tensor* out)
    : context_(context),
      spec_(spec),
      id_columns_(id_columns),
      memory_(memory),
      out_(out),
      forward_(context.device->kernel("sketch_kernel", "sketch_forward")),
      backward_(context.device->kernel("sketch_kernel", "sketch_backward")) {
  check_sketch(spec, id_columns, *memory, *out);
  std::vector<int32_t> columns(spec.columns.begin(), spec.columns.end());
  for (int64_t f = 0; spec.columns.empty() && f < id_columns; f++) columns.push_back(static_cast<int32_t>(f));
  columns_ = upload(columns, *context.stream);
}

SketchArguments SketchCuda::arguments(const Batch& batch) const {
  const int64_t slots = out_->shape[0];
  return {memory_->value,
          out_->value,
          batch.sparse,
          columns_.as<int32_t>(),
          spec_.seed,
          memory_->ld,
          out_->ld,
          spec_.kind,
          sketch_scale(spec_.kind, memory_->rows),
          static_cast<int32_t>(memory_->rows),
          static_cast<int32_t>(out_->shape[1]),
          static_cast<int32_t>(slots),
          static_cast<int32_t>(id_columns_),
          static_cast<int32_t>(batch.B * slots)};
}

void SketchCuda::forward(const Batch& batch) {
  const SketchArguments a = arguments(batch);
  launch(forward_,
         {.grid_x = blocks_for(a.lookups, kForwardLookups),
          .grid_y = blocks_for(a.D, kSketchThreads),
          .threads = kSketchThreads},
         *context_.stream, a);
}

void SketchCuda::backward(const Batch& batch) {
  SketchArguments a = arguments(batch);
  a.memory = memory_->gradient;
  a.out = out_->gradient;
  launch(backward_,
         {.grid_x = blocks_for(a.k, kBackwardRows),
          .grid_y = blocks_for(a.D, kSketchThreads),
          .threads = kSketchThreads},
         *context_.stream, a);
}

}  // namespace pss
