#include <algorithm>

#include "base/error.h"
#include "ops/linear/linear.h"

namespace pss {

namespace {

// Panels of `columns` columns of a matrix with `depth` numbers in the direction of the sum.
int64_t panels(int64_t columns) {
  return (columns + kPanel - 1) / kPanel;
}
int64_t panel_words(int64_t depth, Precision precision) {
  return (depth + per_word(precision) - 1) / per_word(precision) * kPanel;
}

void copy_rows(const Matrix& to, const Matrix& from, int64_t first, int64_t last) {
  for (int64_t b = first; b < last; b++) {
    visit_rows(to, b, [&](auto* out) {
      visit_rows(from, b, [&](const auto* in) {
        for (int64_t k = 0; k < to.ld; k++) assign(out[k], to_float(in[k]));
      });
    });
  }
}

}  // namespace

const LinearKernels* linear_kernels(Isa isa, Precision precision) {
  if (isa == Isa::kReference) return nullptr;
  if (isa == Isa::kAvx2) return linear_kernels_avx2(precision);
  if (isa == Isa::kAvx512Bf16 && precision == Precision::kBf16) return linear_kernels_avx512bf16();
  return linear_kernels_avx512(precision);
}

Linear::Linear(const OpContext& context, const Tensor* x, const Parameter* weight, const Parameter* bias,
               bool relu, Tensor* y)
    : CpuOp(context),
      x_(x),
      weight_(weight),
      bias_(bias),
      relu_(relu),
      y_(y),
      K_(weight->ld),
      N_(weight->rows),
      precision_(N_ > 1 ? context.precision : Precision::kF32),
      kernels_(linear_kernels(context.isa, precision_)),
      input_(x->values()),
      masked_(y->gradients()),
      share_(N_ == 1 ? K_ + kVector : y->ld) {
  if (weight->cols != x->cols || y->cols != N_ || (bias && bias->cols != N_)) {
    throw Error("ERR_GRAPH", "Layer '" + weight->name + "' has " + std::to_string(weight->cols) +
                                 " inputs but its input '" + x->name + "' has " + std::to_string(x->cols) +
                                 " columns.");
  }
  if (x->ld != K_)
    throw Error("ERR_GRAPH", "Input '" + x->name + "' of layer '" + weight->name + "' isn't padded.");
  const auto own = [&](Matrix& matrix, AlignedBuffer<Bf16>& buffer, int64_t ld) {
    if (N_ == 1 || matrix.precision == precision_) return;
    buffer = AlignedBuffer<Bf16>(static_cast<size_t>(context.max_batch * ld));
    matrix = {buffer.data(), ld, precision_};
  };
  own(input_, own_input_, K_);
  if (context.training) {
    own(masked_, own_masked_, y->ld);
    shares_ = AlignedBuffer<float>((context.max_batch / row_block(1) + 1) * share_);
  }
  if (!kernels_ || N_ == 1) return;
  forward_stride_ = panel_words(K_, precision_);
  forward_panels_ = AlignedBuffer<uint32_t>(panels(N_) * forward_stride_);
  if (!context.training) return;
  if (x->gradient) {
    backward_stride_ = panel_words(y->ld, precision_);
    backward_panels_ = AlignedBuffer<uint32_t>(panels(K_) * backward_stride_);
  }
  batch_stride_ = panel_words(context.max_batch, precision_);
  x_panels_ = AlignedBuffer<uint32_t>(panels(K_) * batch_stride_);
  dz_panels_ = AlignedBuffer<uint32_t>(panels(N_) * batch_stride_);
}

int64_t Linear::tasks(Stage stage, int64_t) {
  if (stage == Stage::kWeightGradients) return panels(N_);
  if (packed_ || !kernels_ || N_ == 1) return 0;
  packed_ = true;
  return panels(N_);
}

// One panel of outputs: kPanel rows of W.
void Linear::run_task(Stage stage, int64_t B, int64_t task) {
  if (stage == Stage::kPackWeights) return pack(task, 0, K_);
  bias_gradient(B, task);
  const int64_t first = task * kPanel, rows = std::min(kPanel, N_ - first);
  float* dweights = weight_->gradient + first * K_;
  if (N_ == 1) return sum_shares(dweights, B, 0, K_);
  if (!kernels_) {
    return linear_dweight_ref(weight_->gradient, K_, masked_, input_, B, K_, first, first + rows);
  }
  kernels_->weight_gradient(dweights, K_, dz_panels_.data() + task * batch_stride_, x_panels_.data(),
                            batch_stride_, panel_words(B, precision_) / kPanel, rows, K_);
}

void Linear::bias_gradient(int64_t B, int64_t task) {
  if (!bias_) return;
  const int64_t first = task * kPanel;
  sum_shares(bias_->gradient + first, B, first + (N_ == 1 ? K_ : 0), std::min(kPanel, N_ - first));
}

void Linear::step_task(int64_t B, int64_t task, const ParameterUpdate& update) {
  const int64_t first = task * kPanel, rows = std::min(kPanel, N_ - first);
  const float* rate = update.plain_rate(*weight_);
  if (rate && kernels_ && N_ > 1 && panel_words(B, precision_) <= kMostSteps * kPanel) {
    bias_gradient(B, task);
    step_weights(B, task, *rate);
  } else {
    run_task(Stage::kWeightGradients, B, task);
    update.apply(*weight_, first * K_, rows * K_);
    if (kernels_ && N_ > 1) pack(task, 0, K_);
  }
  if (bias_) update.apply(*bias_, first, rows);
}

// A square of W at a time is summed, updated and packed before it leaves the nearest cache.
void Linear::step_weights(int64_t B, int64_t task, float rate) {
  const int64_t first = task * kPanel, rows = std::min(kPanel, N_ - first);
  for (int64_t column = 0; column < K_; column += kPanel) {
    const int64_t columns = std::min(kPanel, K_ - column);
    const auto x = [&](int64_t k) { return x_panels_.data() + k / kPanel * batch_stride_; };
    // Behind the last panel it is most likely another task of this layer.
    const uint32_t* next = x(column + kPanel < K_ ? column + kPanel : 0);
    kernels_->weight_step(weight_->value + first * K_ + column, K_, rate,
                          dz_panels_.data() + task * batch_stride_, x(column), next,
                          panel_words(B, precision_) / kPanel, rows, columns);
    pack(task, column, columns);
  }
}

void Linear::pack(int64_t panel, int64_t column, int64_t columns) {
  kernels_->pack(forward_panels_.data(), forward_stride_, backward_panels_.data(), backward_stride_,
                 weight_->value, K_, panel * kPanel, N_, column, columns);
}

void Linear::forward_rows(const Batch&, int64_t first, int64_t last) {
  if (N_ == 1) return one_output_forward(first, last);
  if (own_input_.size() > 0) copy_rows(input_, x_->values(), first, last);
  if (kernels_) {
    return kernels_->multiply(y_->values(), input_, forward_panels_.data(), forward_stride_, bias_values(),
                              relu_, first, last, y_->ld, K_);
  }
  linear_forward_ref(y_->values(), input_, weight_->value, K_, bias_values(), relu_, precision_, first, last,
                     K_, N_);
}

void Linear::keep_rows(const Batch&, int64_t first, int64_t last) {
  if (kernels_ && N_ > 1) kernels_->keep(x_panels_.data(), batch_stride_, input_, first, last, K_);
}

void Linear::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  if (N_ == 1) return one_output_backward(batch.B, first, last);
  const Matrix y = relu_ ? y_->values() : Matrix{};
  float* dbias = block_share(batch.B, first);
  if (!kernels_) {
    linear_mask_ref(masked_, dbias, y_->gradients(), y, first, last, N_);
    if (!x_->gradient) return;
    return linear_dx_ref(x_->gradients(), masked_, weight_->value, K_, precision_, first, last, K_, N_);
  }
  kernels_->mask(masked_, dbias, dz_panels_.data(), batch_stride_, y_->gradients(), y, first, last, y_->ld);
  if (!x_->gradient) return;
  kernels_->multiply(x_->gradients(), masked_, backward_panels_.data(), backward_stride_, nullptr, false,
                     first, last, K_, y_->ld);
}

void Linear::sum_shares(float* out, int64_t B, int64_t offset, int64_t count) const {
  std::fill(out, out + count, 0.0f);
  const int64_t blocks = (B + row_block(B) - 1) / row_block(B);
  for (int64_t block = 0; block < blocks; block++) {
    const float* share = shares_.data() + block * share_ + offset;
    for (int64_t i = 0; i < count; i++) out[i] += share[i];
  }
}

void Linear::one_output_forward(int64_t first, int64_t last) {
  float* y = y_->value;
  if (kernels_) {
    kernels_->dot_rows(y, input_, weight_->value, bias_ ? bias_->value[0] : 0.0f, first, last, K_);
    if (!relu_) return;
    for (int64_t b = first; b < last; b++) y[b] = std::max(y[b], 0.0f);
    return;
  }
  linear_forward_ref(y_->values(), input_, weight_->value, K_, bias_values(), relu_, precision_, first, last,
                     K_, 1);
}

// A block's share: K_ floats of the weight gradient, one of the bias gradient.
void Linear::one_output_backward(int64_t B, int64_t first, int64_t last) {
  float* dz = y_->gradient;
  float* share = block_share(B, first);
  std::fill(share, share + K_ + 1, 0.0f);
  for (int64_t b = first; b < last; b++) {
    if (relu_ && !(y_->value[b] > 0)) dz[b] = 0;
    share[K_] += dz[b];
  }
  if (kernels_) {
    const Matrix dx = x_->gradient ? x_->gradients() : Matrix{};
    return kernels_->outer_rows(dx, share, dz, input_, weight_->value, first, last, K_);
  }
  for (int64_t b = first; b < last; b++) {
    visit_rows(input_, b, [&](const auto* row) {
      for (int64_t k = 0; k < K_; k++) share[k] += dz[b] * to_float(row[k]);
    });
  }
  if (x_->gradient)
    linear_dx_ref(x_->gradients(), y_->gradients(), weight_->value, K_, precision_, first, last, K_, 1);
}

}  // namespace pss
