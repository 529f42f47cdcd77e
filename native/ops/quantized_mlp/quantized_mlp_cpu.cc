#include <algorithm>

#include "base/error.h"
#include "ops/quantized_mlp/quantized_mlp.h"

namespace pss {

namespace {

// Rows that go through all layers together: their bytes and a panel of weights stay in the L2 cache.
constexpr int64_t kRowsOfPart = 256;
// |w8 * (q - zero)| is at most 127 * 255.
constexpr int64_t kMostInputs = INT32_MAX / (127 * 255);

int64_t whole_lines(int64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

bool fits(const QuantizedMlpSpec& spec, const Tensor& x, const std::vector<const Parameter*>& parameters,
          const Tensor& y) {
  if (parameters.empty() || parameters.size() % 2 != 0) return false;
  int64_t inputs = x.cols, hidden = 0;
  for (size_t p = 0; p < parameters.size(); p += 2) {
    const Parameter &weight = *parameters[p], &bias = *parameters[p + 1];
    if (weight.cols != inputs || inputs > kMostInputs || bias.cols != weight.rows) return false;
    inputs = weight.rows;
    hidden += inputs;
  }
  const auto holds = [](const std::vector<float>& values, int64_t count) {
    return static_cast<int64_t>(values.size()) == count;
  };
  return y.cols == inputs && holds(spec.input_scale, x.cols) && holds(spec.input_zero, x.cols) &&
         holds(spec.hidden_scale, hidden - inputs);
}

}  // namespace

const QuantizedMlpKernels* quantized_mlp_kernels(Isa isa) {
  if (isa == Isa::kReference) return nullptr;
  return isa >= Isa::kAvx512 && has_vnni() ? quantized_mlp_kernels_avx512vnni()
                                           : quantized_mlp_kernels_avx2();
}

QuantizedMlp::QuantizedMlp(const OpContext& context, const QuantizedMlpSpec& spec, const Tensor* x,
                           const std::vector<const Parameter*>& parameters, Tensor* y)
    : CpuOp(context), x_(x), y_(y), kernels_(quantized_mlp_kernels(context.isa)) {
  if (context.training)
    throw Error("ERR_PRECISION", "Layers in int8 don't train; train with precision f32 or bf16.");
  if (!fits(spec, *x, parameters, *y))
    throw Error("ERR_GRAPH", "The int8 layers behind '" + x->name + "' don't fit together.");
  input_.columns = pad_to_vector(x->cols);
  input_.inverse = AlignedBuffer<float>(static_cast<size_t>(input_.columns));
  input_.zero = AlignedBuffer<float>(static_cast<size_t>(input_.columns));
  for (size_t k = 0; k < spec.input_scale.size(); k++) {
    input_.inverse[k] = spec.input_scale[k] > 0 ? 1 / spec.input_scale[k] : 0.0f;
    input_.zero[k] = spec.input_zero[k];
  }
  row_bytes_ = whole_lines(input_.columns);
  std::vector<float> scale = spec.input_scale, zero = spec.input_zero;
  auto hidden = spec.hidden_scale.begin();
  for (size_t p = 0; p < parameters.size(); p += 2) {
    const int64_t N = parameters[p]->rows;
    std::vector<float> out_scale(static_cast<size_t>(N), 1.0f);
    if (p + 2 < parameters.size()) {
      std::copy_n(hidden, N, out_scale.begin());
      hidden += N;
    }
    layers_.emplace_back(parameters[p], parameters[p + 1], std::move(scale), std::move(zero), out_scale);
    scale = std::move(out_scale);
    zero.assign(static_cast<size_t>(N), 0.0f);
    row_bytes_ = std::max(row_bytes_, whole_lines(layers_.back().columns));
    for (int64_t panel = 0; panel < layers_.back().panels; panel++)
      pack_tasks_.push_back({layers_.size() - 1, panel});
  }
  bytes_ =
      AlignedBuffer<uint8_t>(static_cast<size_t>(context.team->threads() * 2 * kRowsOfPart * row_bytes_));
}

int64_t QuantizedMlp::tasks(Stage stage, int64_t) {
  if (stage != Stage::kPackWeights || packed_) return 0;
  packed_ = true;
  return static_cast<int64_t>(pack_tasks_.size());
}

void QuantizedMlp::run_task(Stage, int64_t, int64_t task) {
  const auto [layer, panel] = pack_tasks_[static_cast<size_t>(task)];
  layers_[layer].quantize(panel);
}

void QuantizedMlp::forward_rows(const Batch&, int64_t first, int64_t last) {
  for (int64_t b = first; b < last; b += kRowsOfPart) run_part(b, std::min(last, b + kRowsOfPart));
}

void QuantizedMlp::run_part(int64_t first, int64_t last) {
  uint8_t* in = bytes_.data() + ThreadTeam::current() * 2 * kRowsOfPart * row_bytes_;
  uint8_t* out = in + kRowsOfPart * row_bytes_;
  const auto quantize_rows = kernels_ ? kernels_->quantize_rows : quantize_rows_ref;
  const auto to_bytes = kernels_ ? kernels_->to_bytes : quantized_layer_to_bytes_ref;
  const auto to_floats = kernels_ ? kernels_->to_floats : quantized_layer_to_floats_ref;
  quantize_rows(in, row_bytes_, x_->values(), first, last, input_);
  for (size_t l = 0; l + 1 < layers_.size(); l++) {
    to_bytes(out, row_bytes_, in, row_bytes_, last - first, layers_[l]);
    std::swap(in, out);
  }
  to_floats(y_->values(), first, last, in, row_bytes_, layers_.back());
}

}  // namespace pss
