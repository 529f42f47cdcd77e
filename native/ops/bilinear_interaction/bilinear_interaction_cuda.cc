#include "ops/bilinear_interaction/bilinear_interaction_cuda.h"

#include <algorithm>

#include "backend/cuda/launch.h"
#include "base/error.h"

namespace pss {

namespace {

constexpr int64_t kMostSamples = 32;  // of a block

// Lanes side by side along D: as many as it has, within limits.
int32_t lanes_for(int64_t D) {
  return D > 16 ? 32 : D > 8 ? 16 : 8;
}

// Floats of a sample, such that the samples which a warp reads at once lie in different banks.
int32_t stride_for(int64_t floats, int32_t lanes) {
  return static_cast<int32_t>(floats + (lanes - floats % 32 + 32) % 32);
}

}  // namespace

BilinearInteractionCuda::BilinearInteractionCuda(const CudaOpContext& context,
                                                 std::vector<const Tensor*> inputs,
                                                 const std::vector<const Parameter*>& matrices,
                                                 BilinearKind kind, Tensor* out)
    : context_(context),
      inputs_(std::move(inputs)),
      out_(out),
      shape_(check_bilinear(inputs_, matrices, kind, *out)),
      lanes_(lanes_for(shape_.D)),
      sample_stride_(stride_for(shape_.F * shape_.Dp, lanes_)) {
  const int64_t scratch = context.training ? bilinear_scratch_floats(lanes_, static_cast<int>(shape_.Dp)) : 0;
  const int64_t left = kMostSharedBytes / static_cast<int64_t>(sizeof(float)) - scratch;
  samples_ = static_cast<int32_t>(std::clamp<int64_t>(left / sample_stride_, 0, kMostSamples));
  // Whole turns of a warp, where there is room for one.
  const int32_t turn = kBilinearSets * 32 / lanes_;
  if (samples_ > turn) samples_ = samples_ / turn * turn;
  if (samples_ < 1) {
    throw Error("ERR_GRAPH", "'" + out->name + "' has " + std::to_string(shape_.F) + " slots of " +
                                 std::to_string(shape_.D) +
                                 " floats, more than a GPU's shared memory holds; use device cpu.");
  }
  const auto kernel = [&](const char* name, unsigned shared) {
    return context.device->kernel("bilinear_interaction_kernel", name, static_cast<int>(shared));
  };
  forward_ = kernel("bilinear_forward", shared_bytes(false));
  std::vector<BilinearMatrix> list;
  for (const Parameter* matrix : matrices) list.push_back({matrix->value, matrix->gradient});
  matrices_ = upload(list, *context.stream);
  if (!context.training) return;
  transpose_ = kernel("bilinear_transpose", 0);
  input_gradient_ = kernel("bilinear_input_gradient", shared_bytes(true));
  weight_gradient_ = kernel("bilinear_weight_gradient", 0);
  sum_gradient_ = kernel("bilinear_sum_gradient", 0);
  const int64_t size = shape_.D * shape_.Dp;
  const int64_t parts = static_cast<int64_t>(inputs_.size()) * blocks_for(context.max_batch, kBilinearRows);
  transposed_ = CudaMemory(static_cast<size_t>(shape_.matrices() * size) * sizeof(float), *context.stream);
  partials_ = CudaMemory(static_cast<size_t>(parts * shape_.units() * size) * sizeof(float), *context.stream);
}

unsigned BilinearInteractionCuda::shared_bytes(bool backward) const {
  const int64_t scratch = backward ? bilinear_scratch_floats(lanes_, static_cast<int>(shape_.Dp)) : 0;
  return static_cast<unsigned>((int64_t{samples_} * sample_stride_ + scratch) *
                               static_cast<int64_t>(sizeof(float)));
}

BilinearArguments BilinearInteractionCuda::arguments(const Batch& batch, size_t input) const {
  const Tensor& slots = *inputs_[input];
  const int64_t column = static_cast<int64_t>(input) * shape_.pairs() * shape_.D;
  BilinearArguments a{};
  a.out = out_->value + column;
  a.dout = out_->gradient ? out_->gradient + column : nullptr;
  a.slots = slots.value;
  a.dslots = slots.gradient;
  a.matrices = matrices_.as<BilinearMatrix>();
  a.transposed = transposed_.as<float>();
  a.partials = partials_.as<float>();
  a.out_ld = out_->ld;
  a.slots_ld = slots.ld;
  a.kind = shape_.kind;
  a.B = static_cast<int32_t>(batch.B);
  a.F = static_cast<int32_t>(shape_.F);
  a.D = static_cast<int32_t>(shape_.D);
  a.Dp = static_cast<int32_t>(shape_.Dp);
  a.samples = samples_;
  a.sample_stride = sample_stride_;
  a.lanes = lanes_;
  a.first_part = static_cast<int32_t>(input * blocks_for(batch.B, kBilinearRows));
  return a;
}

void BilinearInteractionCuda::forward(const Batch& batch) {
  for (size_t input = 0; input < inputs_.size(); input++) {
    launch(forward_,
           {.grid_x = blocks_for(batch.B, samples_),
            .grid_y = kBilinearSplits,
            .threads = kBilinearThreads,
            .shared_bytes = shared_bytes(false)},
           *context_.stream, arguments(batch, input));
  }
}

void BilinearInteractionCuda::backward(const Batch& batch) {
  const auto size = shape_.D * shape_.Dp;
  const auto matrices = static_cast<unsigned>(shape_.matrices()),
             units = static_cast<unsigned>(shape_.units());
  const unsigned rows = blocks_for(batch.B, kBilinearRows), blocks = blocks_for(size, kBilinearThreads);
  const auto tiles = static_cast<unsigned>(shape_.Dp / kBilinearTile);
  launch(transpose_, {.grid_x = blocks, .grid_y = matrices, .threads = kBilinearThreads}, *context_.stream,
         arguments(batch, 0));
  for (size_t input = 0; input < inputs_.size(); input++) {
    const BilinearArguments a = arguments(batch, input);
    launch(weight_gradient_,
           {.grid_x = units, .grid_y = rows, .grid_z = tiles * tiles, .threads = kBilinearThreads},
           *context_.stream, a);
    if (!a.dslots) continue;
    launch(input_gradient_,
           {.grid_x = blocks_for(batch.B, samples_),
            .grid_y = kBilinearSplits,
            .threads = kBilinearThreads,
            .shared_bytes = shared_bytes(true)},
           *context_.stream, a);
  }
  launch(sum_gradient_, {.grid_x = blocks, .grid_y = matrices, .threads = kBilinearThreads}, *context_.stream,
         BilinearSumArguments{matrices_.as<BilinearMatrix>(), partials_.as<float>(), size,
                              static_cast<int32_t>(inputs_.size() * rows), static_cast<int32_t>(units),
                              static_cast<int32_t>(units / matrices)});
}

}  // namespace pss
