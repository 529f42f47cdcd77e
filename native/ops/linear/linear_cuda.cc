#include "ops/linear/linear_cuda.h"

#include <algorithm>

#include "backend/cuda/launch.h"
#include "base/aligned_buffer.h"

namespace pss {

namespace {

std::string for_element(const char* kernel, bool bf16) {
  return std::string(kernel) + (bf16 ? "_bf16" : "_f32");
}

}  // namespace

LinearCuda::LinearCuda(const CudaOpContext& context, const Tensor* x, const Parameter* weight,
                       const Parameter* bias, bool relu, Tensor* y)
    : context_(context),
      x_(x),
      weight_(weight),
      bias_(bias),
      relu_(relu),
      y_(y),
      K_(static_cast<int32_t>(weight->cols)),
      N_(static_cast<int32_t>(weight->rows)),
      bf16_(context.bf16 && N_ > 1),
      dot_rows_(context.device->kernel("linear_kernel", for_element("dot_rows", x->bf16))),
      outer_rows_(context.device->kernel("linear_kernel", for_element("outer_rows", x->bf16))),
      mask_and_sum_(context.device->kernel("linear_kernel", "mask_and_sum")),
      round_rows_(context.device->kernel("linear_kernel", "round_rows")),
      sums_(context),
      forward_(context, GemmLayout::kKContiguous, context.max_batch, N_),
      dx_(context, GemmLayout::kKContiguousInA, context.max_batch, K_),
      dw_(context, GemmLayout::kKStrided, N_, K_),
      bias_parts_ld_(pad_to_vector(N_)) {
  if (weight->cols != x->cols || y->cols != N_ || (bias && bias->cols != N_)) {
    throw Error("ERR_GRAPH", "Layer '" + weight->name + "' has " + std::to_string(weight->cols) +
                                 " inputs but its input '" + x->name + "' has " + std::to_string(x->cols) +
                                 " columns.");
  }
  if (x->ld != weight->ld)
    throw Error("ERR_GRAPH", "Input '" + x->name + "' of layer '" + weight->name + "' isn't padded.");
  const auto rounded = [&](int64_t elements) {
    return CudaMemory(static_cast<size_t>(elements) * sizeof(Bf16), *context.stream);
  };
  if (bf16_) rounded_weight_ = rounded(weight->stored());
  if (bf16_ && !x->bf16) rounded_x_ = rounded(context.max_batch * x->ld);
  if (!context.training) return;
  if (bf16_ && !y->bf16) rounded_dz_ = rounded(context.max_batch * y->ld);
  const int64_t row_blocks = blocks_for(context.max_batch, kLinearRows);
  bias_parts_ = CudaMemory(static_cast<size_t>(row_blocks * bias_parts_ld_) * sizeof(float), *context.stream);
  const int64_t weight_parts = N_ == 1 ? row_blocks : dw_.most_splits(N_, K_, context.max_batch);
  if (weight_parts > 1 || N_ == 1) {
    weight_parts_ =
        CudaMemory(static_cast<size_t>(weight_parts * weight->stored()) * sizeof(float), *context.stream);
  }
}

const char* LinearCuda::implementation() const {
  if (N_ == 1) return "cuda";
  const bool library = context_.training && dw_.prefers_library();
  if (bf16_) return library ? "cuda-mma-bf16 + cublaslt" : "cuda-mma-bf16";
  if (context_.tf32) return library ? "cuda-mma-tf32 + cublaslt" : "cuda-mma-tf32";
  return library ? "cuda-mma + cublaslt" : "cuda-mma";
}

void LinearCuda::parameters_changed() {
  if (bf16_) round(rounded_weight_.as<Bf16>(), weight_->value, weight_->stored());
}

void LinearCuda::round(Bf16* out, const float* in, int64_t count) {
  launch(round_rows_, {.grid_x = blocks_for(count, 4 * kLinearThreads), .threads = kLinearThreads},
         *context_.stream, RoundRowsArguments{out, in, count});
}

const void* LinearCuda::product_x() const {
  return bf16_ && !x_->bf16 ? rounded_x_.data() : x_->value;
}

const void* LinearCuda::product_dz() const {
  return bf16_ && !y_->bf16 ? rounded_dz_.data() : y_->gradient;
}

void LinearCuda::finish_gradient_of(LinearCuda* producer) {
  if (!x_->gradient || producer->N_ == 1) return;
  producer_ = producer;
  producer->finished_by_consumer_ = true;
}

void LinearCuda::forward(const Batch& batch) {
  const auto B = static_cast<int32_t>(batch.B);
  if (N_ == 1) return forward_one(B);
  if (bf16_ && !x_->bf16) round(rounded_x_.as<Bf16>(), x_->value, B * x_->ld);
  GemmArguments arguments{};
  arguments.c = y_->value;
  arguments.a = product_x();
  arguments.b = product_weight();
  arguments.a_ld = x_->ld;
  arguments.b_ld = weight_->ld;
  arguments.c_ld = y_->ld;
  arguments.m = B;
  arguments.n = N_;
  arguments.k = K_;
  arguments.bias = bias_ ? bias_->value : nullptr;
  arguments.relu = relu_;
  arguments.c_is_bf16 = y_->bf16;
  forward_.run(arguments, forward_.plan(arguments, GemmEnd::kEpilogue));
}

void LinearCuda::backward(const Batch& batch) {
  const auto B = static_cast<int32_t>(batch.B);
  if (N_ == 1) return backward_one(B);
  if (!finished_by_consumer_) mask_and_sum(B);
  if (x_->gradient) input_gradient(B);
  weight_gradient(B);
}

void LinearCuda::mask_and_sum(int32_t B) {
  const MaskAndSumArguments arguments{y_->gradient,
                                      rounded_dz_.as<Bf16>(),
                                      relu_ ? y_->value : nullptr,
                                      bias_parts_.as<float>(),
                                      y_->ld,
                                      bias_parts_ld_,
                                      B,
                                      N_};
  bias_part_count_ = static_cast<int32_t>(blocks_for(B, kLinearRows));
  launch(mask_and_sum_,
         {.grid_x = blocks_for(N_, kLinearColumns),
          .grid_y = static_cast<unsigned>(bias_part_count_),
          .threads = kLinearThreads},
         *context_.stream, arguments);
}

void LinearCuda::input_gradient(int32_t B) {
  GemmArguments arguments{};
  arguments.c = x_->gradient;
  arguments.c_is_bf16 = x_->bf16;
  arguments.a = product_dz();
  arguments.b = product_weight();
  arguments.a_ld = y_->ld;
  arguments.b_ld = weight_->ld;
  arguments.c_ld = x_->ld;
  arguments.m = B;
  arguments.n = K_;
  arguments.k = N_;
  const CudaGemm::Plan plan = dx_.plan(arguments, producer_ ? GemmEnd::kEpilogue : GemmEnd::kPlain);
  if (producer_) {
    arguments.mask = producer_->relu_ ? x_->value : nullptr;
    arguments.mask_ld = x_->ld;
    arguments.column_sums = producer_->bias_parts_.as<float>();
    arguments.sums_ld = producer_->bias_parts_ld_;
    producer_->bias_part_count_ = static_cast<int32_t>(plan.row_blocks);
  }
  dx_.run(arguments, plan);
}

void LinearCuda::weight_gradient(int32_t B) {
  GemmArguments arguments{};
  arguments.a = product_dz();
  arguments.b = product_x();
  arguments.a_ld = y_->ld;
  arguments.b_ld = x_->ld;
  arguments.c_ld = weight_->ld;
  arguments.m = N_;
  arguments.n = K_;
  arguments.k = B;
  const CudaGemm::Plan plan = dw_.plan(arguments, GemmEnd::kPlainInParts);
  arguments.c = plan.splits > 1 ? weight_parts_.as<float>() : weight_->gradient;
  arguments.split_stride = weight_->stored();
  dw_.run(arguments, plan);
  const PartialSum bias = bias_sum(bias_parts_ld_, bias_part_count_);
  if (plan.splits == 1) return sums_.run({bias});
  sums_.run({bias,
             {weight_->gradient, weight_parts_.as<float>(), weight_->stored(),
              static_cast<int32_t>(weight_->stored()), static_cast<int32_t>(plan.splits)}});
}

PartialSum LinearCuda::bias_sum(int64_t ld, int32_t parts) const {
  if (!bias_) return {nullptr, nullptr, 0, 0, 0};
  return {bias_->gradient, bias_parts_.as<float>(), ld, N_, parts};
}

void LinearCuda::forward_one(int32_t B) {
  launch(dot_rows_, {.grid_x = blocks_for(B, kLinearThreads / 32), .threads = kLinearThreads},
         *context_.stream,
         DotRowsArguments{y_->value, x_->value, weight_->value, bias_ ? bias_->value : nullptr, x_->ld, B, K_,
                          relu_});
}

void LinearCuda::backward_one(int32_t B) {
  const auto blocks = static_cast<int32_t>(blocks_for(B, kLinearRows));
  OuterRowsArguments arguments{};
  arguments.dx = x_->gradient;
  arguments.dw_partials = weight_parts_.as<float>();
  arguments.db_partials = bias_parts_.as<float>();
  arguments.dy = y_->gradient;
  arguments.y = relu_ ? y_->value : nullptr;
  arguments.x = x_->value;
  arguments.weights = weight_->value;
  arguments.x_ld = x_->ld;
  arguments.partials_ld = weight_->ld;
  arguments.B = B;
  arguments.K = K_;
  if (producer_) {
    arguments.dx_sums = producer_->bias_parts_.as<float>();
    arguments.mask_dx = producer_->relu_;
    producer_->bias_part_count_ = blocks;
  }
  launch(outer_rows_,
         {.grid_x = blocks_for(K_, kLinearColumns),
          .grid_y = static_cast<unsigned>(blocks),
          .threads = kLinearThreads},
         *context_.stream, arguments);
  sums_.run({{weight_->gradient, weight_parts_.as<float>(), weight_->ld, K_, blocks}, bias_sum(1, blocks)});
}

}  // namespace pss
