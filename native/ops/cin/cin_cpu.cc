#include <algorithm>

#include "backend/cpu/block_gemm.h"
#include "base/error.h"
#include "ops/cin/cin.h"

namespace pss {

namespace {

constexpr int64_t kPanelColumns = 64;

}  // namespace

CinShape make_cin_shape(const Tensor& slots, const std::vector<const Parameter*>& parameters,
                        const Tensor& out) {
  const int64_t F = slots.shape.front(), D = slots.shape.back(), S = std::max<int64_t>(1, kPanelColumns / D);
  CinShape shape{F, D, S, std::max(kPanelColumns, pad_to_vector(D)), 0, {}};
  int64_t H = F, out_column = 0, transposed = 0;
  for (size_t l = 0; l + 1 < parameters.size(); l += 2) {
    const Parameter& weight = *parameters[l];
    const Parameter& bias = *parameters[l + 1];
    const int64_t N = weight.rows, on = l + 2 < parameters.size() ? N / 2 : 0;
    if (weight.cols != H * F || bias.cols != N) {
      throw Error("ERR_GRAPH", "'" + weight.name + "' must be [" + std::to_string(N) + ", " +
                                   std::to_string(H * F) + "].");
    }
    const int64_t Np = pad_to_vector(N);
    shape.layers.push_back(
        {N, H, on, out_column, Np, weight.value, weight.ld, bias.value, shape.maps, transposed});
    shape.maps += N;
    transposed += H * F * Np;
    out_column += N - on;
    H = on;
  }
  if (out_column != out.cols) throw Error("ERR_GRAPH", "'" + out.name + "' must have a column for each map.");
  return shape;
}

Cin::Cin(const OpContext& context, const Tensor* slots, std::vector<const Parameter*> parameters, Tensor* out)
    : CpuOp(context),
      slots_(slots),
      parameters_(std::move(parameters)),
      out_(out),
      shape_(make_cin_shape(*slots, parameters_, *out)),
      shares_(context, parameters_) {
  const int64_t panel = shape_.maps * shape_.P, threads = context.team->threads();
  // Blocks have at most 512 rows; memory is real only once it is touched.
  const int64_t panels = context.training ? (most_row_blocks(context.max_batch) + 1) * (512 / shape_.S + 1)
                                          : threads * kCinPanels;
  hidden_ = AlignedBuffer<float>(static_cast<size_t>(panels * panel));
  scratch_ = AlignedBuffer<float>(
      static_cast<size_t>(threads * std::max(cin_scratch(shape_), shape_.maps * shape_.D)));
  if (!context.training) return;
  const CinLayer& last = shape_.layers.back();
  transposed_floats_ = last.transposed + last.H * shape_.F * last.Np;
  transposed_ = AlignedBuffer<float>(static_cast<size_t>(transposed_floats_));
  sums_ =
      AlignedBuffer<float>(static_cast<size_t>(threads * (transposed_floats_ + pad_to_vector(shape_.maps))));
}

int64_t Cin::tasks(Stage stage, int64_t) {
  if (stage == Stage::kWeightGradients) return shares_.tasks();
  if (packed_ || !wide() || !context_.training) return 0;
  packed_ = true;
  return static_cast<int64_t>(shape_.layers.size());
}

void Cin::run_task(Stage stage, int64_t B, int64_t task) {
  if (stage == Stage::kWeightGradients) return shares_.run_task(B, task);
  const CinLayer& layer = shape_.layers[task];
  transpose_avx512(transposed_.data() + layer.transposed, layer.Np, layer.weight, layer.weight_ld, layer.N,
                   layer.H * shape_.F);
}

// Row b's panels: those of a block begin with its first row.
float* Cin::hidden_of(int64_t B, int64_t first, int64_t b) {
  const int64_t panel = shape_.maps * shape_.P;
  if (!context_.training) return hidden_.data() + ThreadTeam::current() * kCinPanels * panel;
  const int64_t block_panels = (row_block(B) + shape_.S - 1) / shape_.S;
  return hidden_.data() + (first / row_block(B) * block_panels + (b - first) / shape_.S) * panel;
}

CinRows Cin::rows_at(int64_t B, int64_t first, int64_t b, int64_t last) {
  return {slots_->value + b * slots_->ld,
          slots_->gradient ? slots_->gradient + b * slots_->ld : nullptr,
          slots_->ld,
          out_->value + b * out_->ld,
          out_->gradient ? out_->gradient + b * out_->ld : nullptr,
          out_->ld,
          hidden_of(B, first, b),
          std::min(kCinPanels * shape_.S, last - b)};
}

CinGradients Cin::gradients_in(float* share, size_t layer) const {
  return {share + shares_.offset(2 * layer), share + shares_.offset(2 * layer + 1)};
}

// The reference keeps a sample's maps where its panel would be.
void Cin::forward_rows(const Batch& batch, int64_t first, int64_t last) {
  float* scratch = scratch_.data() +
                   ThreadTeam::current() * static_cast<int64_t>(scratch_.size()) / context_.team->threads();
  if (wide()) {
    for (int64_t b = first; b < last; b += kCinPanels * shape_.S) {
      cin_forward_avx512(rows_at(batch.B, first, b, last), scratch, shape_);
    }
    return;
  }
  for (int64_t b = first; b < last; b++) {
    float* hidden = context_.training ? hidden_.data() + b * shape_.maps * shape_.D : scratch;
    cin_forward_ref(out_->value + b * out_->ld, hidden, slots_->value + b * slots_->ld, shape_);
  }
}

void Cin::backward_rows_ref(float* share, int64_t first, int64_t last) {
  std::vector<CinGradients> gradients;
  for (size_t l = 0; l < shape_.layers.size(); l++) gradients.push_back(gradients_in(share, l));
  float* dhidden = scratch_.data() +
                   ThreadTeam::current() * static_cast<int64_t>(scratch_.size()) / context_.team->threads();
  for (int64_t b = first; b < last; b++) {
    cin_backward_ref(slots_->gradient + b * slots_->ld, gradients, dhidden, out_->gradient + b * out_->ld,
                     hidden_.data() + b * shape_.maps * shape_.D, slots_->value + b * slots_->ld, shape_);
  }
}

void Cin::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  float* share = shares_.clear(batch.B, first);
  if (!wide()) return backward_rows_ref(share, first, last);
  const int64_t thread = ThreadTeam::current(), threads = context_.team->threads();
  float* scratch = scratch_.data() + thread * static_cast<int64_t>(scratch_.size()) / threads;
  float* dtransposed = sums_.data() + thread * static_cast<int64_t>(sums_.size()) / threads;
  float* dbiases = dtransposed + transposed_floats_;
  std::fill_n(dtransposed, transposed_floats_ + shape_.maps, 0.0f);
  for (int64_t b = first; b < last; b += kCinPanels * shape_.S) {
    cin_backward_avx512(rows_at(batch.B, first, b, last), dtransposed, dbiases, transposed_.data(), scratch,
                        shape_);
  }
  for (size_t l = 0; l < shape_.layers.size(); l++) {
    const CinLayer& layer = shape_.layers[l];
    const CinGradients gradients = gradients_in(share, l);
    transpose_avx512(gradients.weight, layer.weight_ld, dtransposed + layer.transposed, layer.Np,
                     layer.H * shape_.F, layer.N);
    std::copy_n(dbiases + layer.hidden, layer.N, gradients.bias);
  }
}

}  // namespace pss
