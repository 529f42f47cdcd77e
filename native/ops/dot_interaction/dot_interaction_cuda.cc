#include "ops/dot_interaction/dot_interaction_cuda.h"

#include <algorithm>

#include "backend/cuda/launch.h"
#include "ops/dot_interaction/dot_interaction.h"

namespace pss {

namespace {

// Floats between vectors in shared memory: whole quads, an odd number of them, so that rows start in
// different banks.
int32_t vector_stride(int32_t floats) {
  const int32_t quads = (floats + 3) / 4;
  return 4 * (quads % 2 == 0 ? quads + 1 : quads);
}

// Stored slots as an addressing: one chunk for each of T embeddings.
AddressingArguments stored_rows(int64_t T, int64_t D) {
  AddressingArguments a{};
  a.T = static_cast<int32_t>(T);
  a.D = a.Z = static_cast<int32_t>(D);
  a.chunks = a.unit = 1;
  return a;
}

InteractionInputs interaction_inputs(const Tensor& bottom, const Tensor& slots, const EmbeddingCuda* fused) {
  const InteractionShape shape = interaction_shape(slots.cols / bottom.cols, bottom.cols);
  InteractionInputs in{};
  in.addressing = fused ? fused->addressing().arguments() : stored_rows(shape.V - 1, shape.D);
  const AddressingArguments& a = in.addressing;
  in.bottom = bottom.value;
  in.source = fused ? fused->memory() : slots.value;
  in.bottom_ld = bottom.ld;
  in.source_ld = slots.ld;
  in.V = static_cast<int32_t>(shape.V);
  in.tile_rows = (in.V + 3) / 4;
  const int32_t Z = std::min(a.Z, a.D);
  const int32_t pieces = std::min(a.chunks, std::max(kSliceFloats / Z, 1));
  in.by_pieces = make_divisor(pieces);
  in.cuts = Z > kSliceFloats ? (Z + kSliceFloats - 1) / kSliceFloats : 1;
  in.slice_floats = in.cuts > 1 ? kSliceFloats : std::min(pieces * Z, a.D);
  in.slices = in.cuts * ((a.chunks + pieces - 1) / pieces);
  in.stride = vector_stride(in.slice_floats);
  in.whole_quads =
      a.D % 4 == 0 && (in.slices == 1 || (in.slice_floats % 4 == 0 && (in.cuts == 1 || Z % 4 == 0)));
  in.quads = fused ? fused->addressing().quads(slots.ld) : in.whole_quads;
  in.lanes_log2 = lanes_log2((std::min(Z, in.slice_floats) + 3) / (in.quads ? 4 : 1));
  return in;
}

}  // namespace

DotInteractionCuda::DotInteractionCuda(const CudaOpContext& context, const Tensor* bottom,
                                       const Tensor* slots, const EmbeddingCuda* fused, Tensor* out)
    : context_(context),
      bottom_(bottom),
      slots_(slots),
      fused_(fused),
      out_(out),
      shape_(interaction_inputs(*bottom, *slots, fused)) {
  const int32_t V = shape_.V, pairs = V * (V - 1) / 2, vectors = V * shape_.stride;
  const auto bytes = [](int32_t floats) { return static_cast<unsigned>(floats) * 4; };
  forward_bytes_ = bytes(std::max(vectors, pairs * kInteractionThreads / 32));
  backward_bytes_ = bytes(vectors + V * 4 * shape_.tile_rows);
  const auto kernel = [&](const char* name, unsigned shared) {
    return context.device->kernel("dot_interaction_kernel", name, static_cast<int>(shared));
  };
  forward_ =
      kernel(V <= kFewVectors ? "interaction_forward_few" : "interaction_forward_many", forward_bytes_);
  if (context.training) backward_ = kernel("interaction_backward", backward_bytes_);
}

InteractionInputs DotInteractionCuda::inputs(const Batch& batch) const {
  InteractionInputs in = shape_;
  if (fused_) in.ids = batch.sparse;
  return in;
}

void DotInteractionCuda::forward(const Batch& batch) {
  launch(forward_,
         {.grid_x = static_cast<unsigned>(batch.B),
          .threads = kInteractionThreads,
          .shared_bytes = forward_bytes_},
         *context_.stream, InteractionForwardArguments{out_->value, out_->ld, inputs(batch)});
}

void DotInteractionCuda::backward(const Batch& batch) {
  launch(backward_,
         {.grid_x = static_cast<unsigned>(batch.B),
          .threads = kInteractionThreads,
          .shared_bytes = backward_bytes_},
         *context_.stream,
         InteractionBackwardArguments{bottom_->gradient, slots_->gradient, out_->gradient, slots_->ld,
                                      out_->ld, inputs(batch)});
}

}  // namespace pss
