#include <algorithm>

#include "base/error.h"
#include "ops/linear/linear.h"

namespace pss {

namespace {
constexpr int64_t kRows = 256;    // rows of a block where N = 1
constexpr int64_t kColumns = 64;  // columns of a task that masks and transposes
}  // namespace

Linear::Linear(const OpContext& context, const Tensor* x, const Parameter* weight, const Parameter* bias,
               bool relu, Tensor* y)
    : context_(context),
      x_(x),
      weight_(weight),
      bias_(bias),
      relu_(relu),
      y_(y),
      K_(weight->ld),
      N_(weight->rows) {
  if (weight->cols != x->cols || y->cols != N_ || bias->cols != N_) {
    throw Error("ERR_GRAPH", "Layer '" + weight->name + "' has " + std::to_string(weight->cols) +
                                 " inputs but its input '" + x->name + "' has " + std::to_string(x->cols) +
                                 " columns.");
  }
  if (x->ld != K_)
    throw Error("ERR_GRAPH", "Input '" + x->name + "' of layer '" + weight->name + "' isn't padded.");
  if (context.training) {
    if (N_ == 1) {
      partials_ = AlignedBuffer<float>((context.max_batch + kRows - 1) / kRows * K_);
    } else {
      dzt_ = AlignedBuffer<float>(pad_to_vector(N_) * context.max_batch);
    }
  }
  if (context.isa == Isa::kReference || N_ == 1) return;
  forward_ = std::make_unique<TiledMatmul>(
      context.team,
      TiledMatmul::Operands{x->value, x->ld, weight->value, 1, K_, y->value, y->ld, bias->value, relu});
  if (!context.training) return;
  if (x->gradient) {
    dx_ = std::make_unique<TiledMatmul>(
        context.team, TiledMatmul::Operands{y->gradient, y->ld, weight->value, K_, 1, x->gradient, x->ld});
  }
  dweight_ = std::make_unique<TiledMatmul>(
      context.team, TiledMatmul::Operands{dzt_.data(), 0, x->value, x->ld, 1, weight->gradient, K_});
}

const char* Linear::implementation() const {
  if (context_.isa == Isa::kReference) return "reference";
  return N_ == 1 ? "avx512" : "onednn";
}

void Linear::parameters_changed() {
  if (forward_) forward_->invalidate();
  if (dx_) dx_->invalidate();
}

void Linear::forward(const Batch& batch) {
  if (N_ == 1) return forward_one(batch.B);
  if (!forward_) {
    context_.team->run_blocks(batch.B, 16, [&](int64_t first, int64_t last) {
      linear_forward_ref(y_->value + first * y_->ld, y_->ld, x_->value + first * x_->ld, x_->ld,
                         weight_->value, K_, bias_->value, last - first, K_, N_, relu_);
    });
    return;
  }
  if (!forward_->packed(batch.B, K_, N_)) forward_->pack(batch.B, K_, N_);
  forward_->run(batch.B, K_, N_);
}

void Linear::backward(const Batch& batch) {
  if (N_ == 1) return backward_one(batch.B);
  const int64_t B = batch.B;
  const auto mask = context_.isa == Isa::kAvx512 ? mask_and_transpose_avx512 : mask_and_transpose_ref;
  context_.team->run_blocks(pad_to_vector(N_), kColumns, [&](int64_t first, int64_t last) {
    mask(y_->gradient, dzt_.data(), bias_->gradient, relu_ ? y_->value : nullptr, y_->ld, B, first, last);
  });
  if (!dweight_) {
    linear_backward_ref(x_->gradient, x_->ld, weight_->gradient, K_, y_->gradient, y_->ld, x_->value, x_->ld,
                        weight_->value, B, K_, N_);
    return;
  }
  if (dx_) {
    if (!dx_->packed(B, N_, K_)) dx_->pack(B, N_, K_);
    dx_->run(B, N_, K_);
  }
  dweight_->pack(N_, B, K_);
  dweight_->run(N_, B, K_);
}

void Linear::forward_one(int64_t B) {
  const auto dot = context_.isa == Isa::kAvx512 ? dot_rows_avx512 : dot_rows_ref;
  context_.team->run_blocks(B, kRows, [&](int64_t first, int64_t last) {
    dot(y_->value + first, x_->value + first * K_, K_, weight_->value, bias_->value[0], last - first, K_);
    if (!relu_) return;
    for (int64_t b = first; b < last; b++) y_->value[b] = std::max(y_->value[b], 0.0f);
  });
}

void Linear::backward_one(int64_t B) {
  const auto outer = context_.isa == Isa::kAvx512 ? outer_rows_avx512 : outer_rows_ref;
  float* dz = y_->gradient;
  const int64_t blocks = (B + kRows - 1) / kRows;
  context_.team->run_blocks(B, kRows, [&](int64_t first, int64_t last) {
    for (int64_t b = first; relu_ && b < last; b++) dz[b] = y_->value[b] > 0 ? dz[b] : 0;
    float* partial = partials_.data() + first / kRows * K_;
    std::fill(partial, partial + K_, 0.0f);
    float* dx = x_->gradient ? x_->gradient + first * K_ : nullptr;
    outer(dx, partial, dz + first, x_->value + first * K_, K_, weight_->value, last - first, K_);
  });
  std::fill(weight_->gradient, weight_->gradient + K_, 0.0f);
  for (int64_t block = 0; block < blocks; block++) {
    for (int64_t k = 0; k < K_; k++) weight_->gradient[k] += partials_[block * K_ + k];
  }
  float sum = 0;
  for (int64_t b = 0; b < B; b++) sum += dz[b];
  bias_->gradient[0] = sum;
}

}  // namespace pss
