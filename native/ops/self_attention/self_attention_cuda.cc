#include "ops/self_attention/self_attention_cuda.h"

#include <algorithm>

#include "backend/cuda/launch.h"
#include "base/error.h"

namespace pss {

namespace {

// Samples that a prediction works on at once; training keeps the projections of a whole batch.
constexpr int64_t kPredictedSamples = 2048;

// Its own tensors are float32: where others round to bfloat16, products may take TF32.
CudaOpContext product_context(CudaOpContext context) {
  context.tf32 = context.tf32 || context.bf16;
  context.bf16 = false;
  return context;
}

unsigned shared_bytes(const AttentionShape& shape, bool backward) {
  const int64_t floats =
      attention_shared_floats(static_cast<int>(shape.F), static_cast<int>(shape.dim), backward);
  return static_cast<unsigned>(floats * static_cast<int64_t>(sizeof(float)));
}

CudaMemory floats(int64_t count, const CudaOpContext& context) {
  return CudaMemory(static_cast<size_t>(count) * sizeof(float), *context.stream);
}

}  // namespace

SelfAttentionCuda::SelfAttentionCuda(const CudaOpContext& context, const Tensor* slots,
                                     std::vector<const Parameter*> parameters, int64_t heads, Tensor* out)
    : context_(product_context(context)),
      slots_(slots),
      parameters_(std::move(parameters)),
      out_(out),
      shape_(check_attention(*slots, parameters_, heads, *out)),
      weight_ld_(parameters_[0]->ld),
      matrix_ld_((shape_.in + 3) / 4 * 4),
      samples_(context.training ? context.max_batch : std::min(context.max_batch, kPredictedSamples)),
      project_(context_, GemmLayout::kKContiguous, samples_ * shape_.F, 4 * shape_.A()),
      input_gradient_(context_, GemmLayout::kKContiguousInA, samples_ * shape_.F, shape_.in),
      weight_gradient_(context_, GemmLayout::kKStrided, 4 * shape_.A(), shape_.in),
      sums_(context) {
  if (shared_bytes(shape_, context.training) > kMostSharedBytes) {
    throw Error("ERR_GRAPH", "'" + out->name + "' has " + std::to_string(shape_.F) + " slots and heads of " +
                                 std::to_string(shape_.dim) +
                                 " floats, more than a GPU's shared memory holds; use device cpu.");
  }
  const auto kernel = [&](const char* name, unsigned shared = 0) {
    return context.device->kernel("self_attention_kernel", name, static_cast<int>(shared));
  };
  forward_ = kernel("attention_forward", shared_bytes(shape_, false));
  pack_ = kernel("attention_pack");
  join_ = kernel("attention_join");
  const int64_t rows = samples_ * shape_.F, A = shape_.A();
  projected_ = floats(rows * 4 * A, context);
  joined_ = floats(4 * A * weight_ld_, context);
  if (slots->ld != shape_.F * shape_.in || shape_.in % 4 != 0) packed_ = floats(rows * matrix_ld_, context);
  if (!context.training) return;
  backward_ = kernel("attention_backward", shared_bytes(shape_, true));
  unpack_ = kernel("attention_unpack");
  parts_ = floats(weight_gradient_.most_splits(4 * A, shape_.in, rows) * 4 * A * weight_ld_, context);
}

AttentionPackArguments SelfAttentionCuda::packing(float* slots) const {
  return {slots,
          packed_.as<float>(),
          slots_->ld,
          matrix_ld_,
          static_cast<int32_t>(shape_.F),
          static_cast<int32_t>(shape_.in)};
}

void SelfAttentionCuda::project(const float* matrix, int64_t samples) {
  GemmArguments a{};
  a.c = projected_.data();
  a.a = matrix;
  a.b = joined_.data();
  a.a_ld = matrix_ld_;
  a.b_ld = weight_ld_;
  a.m = static_cast<int32_t>(samples * shape_.F);
  a.n = static_cast<int32_t>(4 * shape_.A());
  a.c_ld = a.n;
  a.k = static_cast<int32_t>(shape_.in);
  project_.run(a, project_.plan(a, GemmEnd::kPlain));
}

void SelfAttentionCuda::forward(const Batch& batch) {
  AttentionJoinArguments join{{}, joined_.as<float>(), shape_.A() * weight_ld_};
  for (size_t p = 0; p < parameters_.size(); p++) join.weights[p] = parameters_[p]->value;
  launch(join_,
         {.grid_x = blocks_for(join.size, kAttentionThreads), .grid_y = 4, .threads = kAttentionThreads},
         *context_.stream, join);
  for (int64_t b = 0; b < batch.B; b += samples_) {
    const auto samples = static_cast<unsigned>(std::min(samples_, batch.B - b));
    float* slots = slots_->value + b * slots_->ld;
    if (packs()) {
      launch(pack_, {.grid_x = samples, .threads = kAttentionThreads}, *context_.stream, packing(slots));
    }
    project(packs() ? packed_.as<float>() : slots, samples);
    launch(forward_,
           {.grid_x = samples,
            .grid_y = static_cast<unsigned>(shape_.heads),
            .threads = kAttentionThreads,
            .shared_bytes = shared_bytes(shape_, false)},
           *context_.stream,
           AttentionArguments{projected_.as<float>(), out_->value + b * out_->ld, nullptr, out_->ld,
                              static_cast<int32_t>(shape_.F), static_cast<int32_t>(shape_.heads),
                              static_cast<int32_t>(shape_.dim)});
  }
}

void SelfAttentionCuda::backward(const Batch& batch) {
  const auto samples = static_cast<unsigned>(batch.B);
  const auto rows = static_cast<int32_t>(batch.B * shape_.F);
  launch(backward_,
         {.grid_x = samples,
          .grid_y = static_cast<unsigned>(shape_.heads),
          .threads = kAttentionThreads,
          .shared_bytes = shared_bytes(shape_, true)},
         *context_.stream,
         AttentionArguments{projected_.as<float>(), out_->value, out_->gradient, out_->ld,
                            static_cast<int32_t>(shape_.F), static_cast<int32_t>(shape_.heads),
                            static_cast<int32_t>(shape_.dim)});
  weight_gradient(packs() ? packed_.as<float>() : slots_->value, rows);
  // From here on nobody reads the packed slots.
  input_gradient(packs() ? packed_.as<float>() : slots_->gradient, rows);
  if (packs()) {
    launch(unpack_, {.grid_x = samples, .threads = kAttentionThreads}, *context_.stream,
           packing(slots_->gradient));
  }
}

void SelfAttentionCuda::weight_gradient(const float* matrix, int32_t rows) {
  GemmArguments a{};
  a.c = parts_.data();
  a.a = projected_.data();
  a.b = matrix;
  a.a_ld = 4 * shape_.A();
  a.b_ld = matrix_ld_;
  a.c_ld = weight_ld_;
  a.m = static_cast<int32_t>(4 * shape_.A());
  a.n = static_cast<int32_t>(shape_.in);
  a.k = rows;
  a.split_stride = 4 * shape_.A() * weight_ld_;
  const CudaGemm::Plan plan = weight_gradient_.plan(a, GemmEnd::kPlainInParts);
  weight_gradient_.run(a, plan);
  const int64_t size = shape_.A() * weight_ld_;
  const auto sum = [&](int p) {
    return PartialSum{parameters_[p]->gradient, parts_.as<float>() + p * size, a.split_stride,
                      static_cast<int32_t>(size), static_cast<int32_t>(plan.splits)};
  };
  sums_.run({sum(0), sum(1), sum(2), sum(3)});
}

void SelfAttentionCuda::input_gradient(float* matrix, int32_t rows) {
  GemmArguments a{};
  a.c = matrix;
  a.a = projected_.data();
  a.b = joined_.data();
  a.a_ld = 4 * shape_.A();
  a.b_ld = weight_ld_;
  a.c_ld = matrix_ld_;
  a.m = rows;
  a.n = static_cast<int32_t>(shape_.in);
  a.k = static_cast<int32_t>(4 * shape_.A());
  input_gradient_.run(a, input_gradient_.plan(a, GemmEnd::kPlain));
}

}  // namespace pss
