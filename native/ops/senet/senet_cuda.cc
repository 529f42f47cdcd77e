#include "ops/senet/senet_cuda.h"

#include <algorithm>

#include "backend/cuda/launch.h"
#include "base/error.h"

namespace pss {

SenetCuda::SenetCuda(const CudaOpContext& context, const Tensor* slots, const Parameter* first,
                     const Parameter* second, Tensor* out)
    : context_(context),
      slots_(slots),
      first_(first),
      second_(second),
      out_(out),
      F_(static_cast<int32_t>(slots->shape.front())),
      D_(static_cast<int32_t>(slots->shape.back())),
      H_(static_cast<int32_t>(first->rows)),
      sums_(context) {
  check_senet(*slots, *first, *second, *out);
  if (warps(context.training) < 1) {
    throw Error("ERR_GRAPH", "'" + out->name + "' has " + std::to_string(F_) + " slots of " +
                                 std::to_string(D_) +
                                 " floats, more than a GPU's shared memory holds; use device cpu.");
  }
  const auto kernel = [&](const char* name, bool backward) {
    return context.device->kernel("senet_kernel", name, static_cast<int>(shared_bytes(backward)));
  };
  forward_ = kernel("senet_forward", false);
  if (!context.training) return;
  backward_ = kernel("senet_backward", true);
  const int64_t blocks = blocks_for(context.max_batch, kSenetRows);
  partials_ = CudaMemory(static_cast<size_t>(blocks * (first->stored() + second->stored())) * sizeof(float),
                         *context.stream);
}

int32_t SenetCuda::warps(bool backward) const {
  const int64_t floats = kMostSharedBytes / static_cast<int64_t>(sizeof(float));
  const int64_t left = floats - senet_block_floats(F_, H_, backward);
  return static_cast<int32_t>(
      std::clamp<int64_t>(left / senet_warp_floats(F_, D_, H_, backward), 0, kSenetMostWarps));
}

unsigned SenetCuda::shared_bytes(bool backward) const {
  const int64_t floats =
      senet_block_floats(F_, H_, backward) + warps(backward) * senet_warp_floats(F_, D_, H_, backward);
  return static_cast<unsigned>(floats * static_cast<int64_t>(sizeof(float)));
}

SenetArguments SenetCuda::arguments(const Batch& batch, bool backward) const {
  return {backward ? slots_->gradient : out_->value,
          backward ? out_->gradient : nullptr,
          slots_->value,
          first_->value,
          second_->value,
          partials_.as<float>(),
          slots_->ld,
          out_->ld,
          make_divisor(D_),
          static_cast<int32_t>(batch.B),
          F_,
          D_,
          H_,
          static_cast<int32_t>(first_->ld),
          static_cast<int32_t>(second_->ld),
          warps(backward)};
}

void SenetCuda::forward(const Batch& batch) {
  const SenetArguments a = arguments(batch, false);
  launch(forward_,
         {.grid_x = blocks_for(batch.B, kSenetRows),
          .threads = static_cast<unsigned>(32 * a.warps),
          .shared_bytes = shared_bytes(false)},
         *context_.stream, a);
}

void SenetCuda::backward(const Batch& batch) {
  const SenetArguments a = arguments(batch, true);
  const unsigned blocks = blocks_for(batch.B, kSenetRows);
  launch(
      backward_,
      {.grid_x = blocks, .threads = static_cast<unsigned>(32 * a.warps), .shared_bytes = shared_bytes(true)},
      *context_.stream, a);
  const int64_t first = first_->stored(), second = second_->stored();
  const auto parts = static_cast<int32_t>(blocks);
  sums_.run({{first_->gradient, a.partials, first + second, static_cast<int32_t>(first), parts},
             {second_->gradient, a.partials + first, first + second, static_cast<int32_t>(second), parts}});
}

}  // namespace pss
