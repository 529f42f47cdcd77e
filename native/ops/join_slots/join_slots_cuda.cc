#include "ops/join_slots/join_slots_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/join_slots/join_slots_kernel.h"

namespace pss {

JoinSlotsCuda::JoinSlotsCuda(const CudaOpContext& context, const JoinSpec& spec,
                             std::vector<const Tensor*> inputs, Tensor* out)
    : context_(context),
      inputs_(std::move(inputs)),
      out_(out),
      join_(context.device->kernel("join_slots_kernel", "join_slots")),
      part_(context.device->kernel("join_slots_kernel", "part_slots")) {
  check_join(spec, inputs_, *out_);
  places_ = upload(std::vector<int32_t>(spec.places.begin(), spec.places.end()), *context.stream);
}

void JoinSlotsCuda::copy(CudaFunctionHandle kernel, float* Tensor::* side, int64_t B) {
  const int32_t* places = places_.as<int32_t>();
  for (const Tensor* in : inputs_) {
    const int64_t slots = in->shape[0], D = in->shape[1];
    const JoinSlotsArguments arguments{out_->*side,
                                       in->*side,
                                       places,
                                       out_->ld,
                                       in->ld,
                                       static_cast<int32_t>(slots),
                                       static_cast<int32_t>(D),
                                       B * slots * D};
    places += slots;
    if (!arguments.part) continue;
    launch(kernel,
           {.grid_x = blocks_for(arguments.elements, kJoinSlotsThreads), .threads = kJoinSlotsThreads},
           *context_.stream, arguments);
  }
}

void JoinSlotsCuda::forward(const Batch& batch) {
  copy(join_, &Tensor::value, batch.B);
}

void JoinSlotsCuda::backward(const Batch& batch) {
  copy(part_, &Tensor::gradient, batch.B);
}

}  // namespace pss
