#include <algorithm>

#include "base/error.h"
#include "ops/linear/linear.h"

namespace pss {

namespace {
constexpr int64_t kReferenceRows = 16;  // rows of dW of one task of the reference

// Rows of dW of one task: the packed input is read once for each, so few; but enough tasks for a few threads.
int64_t weight_tile(int64_t N) {
  return std::clamp(pad_to_vector(N / 4), int64_t{64}, int64_t{256});
}
}  // namespace

Linear::Linear(const OpContext& context, const Tensor* x, const Parameter* weight, const Parameter* bias,
               bool relu, Tensor* y)
    : CpuOp(context),
      x_(x),
      weight_(weight),
      bias_(bias),
      relu_(relu),
      narrow_(false),
      y_(y),
      K_(weight->ld),
      N_(weight->rows) {
  if (weight->cols != x->cols || y->cols != N_ || (bias && bias->cols != N_)) {
    throw Error("ERR_GRAPH", "Layer '" + weight->name + "' has " + std::to_string(weight->cols) +
                                 " inputs but its input '" + x->name + "' has " + std::to_string(x->cols) +
                                 " columns.");
  }
  if (x->ld != K_)
    throw Error("ERR_GRAPH", "Input '" + x->name + "' of layer '" + weight->name + "' isn't padded.");
  narrow_ = context.isa == Isa::kAvx512 && N_ > 1 && K_ == kVector && !x->gradient;
  share_ = N_ == 1 ? K_ + kVector : narrow_ ? y->ld * (K_ + 1) : y->ld;
  if (context.training) {
    shares_ = AlignedBuffer<float>((context.max_batch / row_block(1) + 1) * share_);
    if (N_ > 1 && !narrow_) dzt_ = AlignedBuffer<float>(y->ld * context.max_batch);
  }
  if (context.isa == Isa::kReference || N_ == 1) return;
  using Operands = TiledMatmul::Operands;
  forward_ = std::make_unique<TiledMatmul>(
      Operands{x->value, x->ld, weight->value, 1, K_, y->value, y->ld, bias ? bias->value : nullptr, relu});
  if (!context.training) return;
  if (x->gradient) {
    dx_ =
        std::make_unique<TiledMatmul>(Operands{y->gradient, y->ld, weight->value, K_, 1, x->gradient, x->ld});
  }
  if (narrow_) return;
  dweight_ = std::make_unique<TiledMatmul>(Operands{dzt_.data(), 0, x->value, x->ld, 1, weight->gradient, K_,
                                                    nullptr, false, true, weight_tile(N_)});
}

const char* Linear::implementation() const {
  if (context_.isa == Isa::kReference) return "reference";
  return N_ == 1 ? "avx512" : "onednn";
}

// The last task of the weight gradients sums what the blocks left.
int64_t Linear::tasks(Stage stage, int64_t B) {
  if (stage == Stage::kPackWeights) {
    if (!forward_ || packed_for_ == B) return 0;
    packed_for_ = B;
    forward_->prepare(B, K_, N_);
    if (dx_) dx_->prepare(B, N_, K_);
    return forward_->packs(B, K_, N_) + (dx_ ? dx_->packs(B, N_, K_) : 0);
  }
  if (N_ == 1 || narrow_) return 1;
  return 1 + (dweight_ ? dweight_->tiles(N_) : (N_ + kReferenceRows - 1) / kReferenceRows);
}

void Linear::run_task(Stage stage, int64_t B, int64_t task) {
  if (stage == Stage::kPackWeights) {
    const int64_t packs = forward_->packs(B, K_, N_);
    if (task < packs) return forward_->run_pack(B, K_, N_, task);
    return dx_->run_pack(B, N_, K_, task - packs);
  }
  if (task + 1 == tasks(stage, B)) return reduce_blocks(B);
  if (dweight_) return dweight_->run_tile(N_, B, K_, task);
  const int64_t first = task * kReferenceRows;
  linear_dweight_ref(weight_->gradient, K_, y_->gradient, y_->ld, x_->value, x_->ld, B, K_, first,
                     std::min(N_, first + kReferenceRows));
}

void Linear::forward_rows(const Batch& batch, int64_t first, int64_t last) {
  if (N_ == 1) return forward_rows_one(first, last);
  if (forward_) return forward_->run_tile(batch.B, K_, N_, first / row_block(batch.B));
  linear_forward_ref(y_->value + first * y_->ld, y_->ld, x_->value + first * x_->ld, x_->ld, weight_->value,
                     K_, bias_ ? bias_->value : nullptr, last - first, K_, N_, relu_);
}

void Linear::prepare_training(int64_t B) {
  if (dweight_) dweight_->prepare(N_, B, K_);
}

void Linear::keep_rows(const Batch& batch, int64_t first, int64_t) {
  if (dweight_) dweight_->run_pack(N_, batch.B, K_, first / row_block(batch.B));
}

void Linear::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  if (N_ == 1) return backward_rows_one(batch.B, first, last);
  if (narrow_) {
    float* share = block_share(batch.B, first);
    return narrow_gradients_avx512(share, share + y_->ld * K_, y_->gradient, relu_ ? y_->value : nullptr,
                                   y_->ld, x_->value, first, last);
  }
  const auto mask = context_.isa == Isa::kAvx512 ? mask_and_transpose_avx512 : mask_and_transpose_ref;
  mask(y_->gradient, dzt_.data(), block_share(batch.B, first), relu_ ? y_->value : nullptr, y_->ld, batch.B,
       first, last);
  if (dx_) return dx_->run_tile(batch.B, N_, K_, first / row_block(batch.B));
  if (!x_->gradient) return;
  linear_dx_ref(x_->gradient + first * x_->ld, x_->ld, y_->gradient + first * y_->ld, y_->ld, weight_->value,
                K_, last - first, K_, N_);
}

void Linear::reduce_blocks(int64_t B) {
  const auto sum = [&](float* out, int64_t offset, int64_t count) {
    std::fill(out, out + count, 0.0f);
    for (int64_t first = 0; first < B; first += row_block(B)) {
      const float* share = block_share(B, first) + offset;
      for (int64_t i = 0; i < count; i++) out[i] += share[i];
    }
  };
  if (N_ == 1 || narrow_) sum(weight_->gradient, 0, N_ * K_);
  if (bias_) sum(bias_->gradient, N_ == 1 ? K_ : narrow_ ? y_->ld * K_ : 0, N_);
}

void Linear::forward_rows_one(int64_t first, int64_t last) {
  const auto dot = context_.isa == Isa::kAvx512 ? dot_rows_avx512 : dot_rows_ref;
  dot(y_->value + first, x_->value + first * K_, K_, weight_->value, bias_ ? bias_->value[0] : 0.0f,
      last - first, K_);
  if (!relu_) return;
  for (int64_t b = first; b < last; b++) y_->value[b] = std::max(y_->value[b], 0.0f);
}

// A block's share: K_ floats of the weight gradient, one of the bias gradient.
void Linear::backward_rows_one(int64_t B, int64_t first, int64_t last) {
  float* dz = y_->gradient;
  float* share = block_share(B, first);
  std::fill(share, share + K_ + 1, 0.0f);
  for (int64_t b = first; b < last; b++) {
    if (relu_ && !(y_->value[b] > 0)) dz[b] = 0;
    share[K_] += dz[b];
  }
  const auto outer = context_.isa == Isa::kAvx512 ? outer_rows_avx512 : outer_rows_ref;
  float* dx = x_->gradient ? x_->gradient + first * K_ : nullptr;
  outer(dx, share, dz + first, x_->value + first * K_, K_, weight_->value, last - first, K_);
}

}  // namespace pss
