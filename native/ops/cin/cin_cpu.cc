#include <algorithm>

#include "base/error.h"
#include "ops/cin/cin.h"
#include "ops/cin/cin_scratch.h"

namespace pss {

namespace {

// Columns of the panels of a group; wider panels make the weight gradient's sums longer, of which bf16 makes
// half as many steps.
constexpr int64_t kGroupColumns = 256, kPanelColumns = 64, kPanelColumnsBf16 = 128;
// Vectors of a pair of bf16 along columns must be whole.
constexpr int64_t kColumnStep = 2 * kVector;
// A layer is packed in so many tasks, W^T in passes of so many rows.
constexpr int64_t kPackTasks = 8, kPackRows = 16;

const CinKernels* choose(Isa isa, Precision precision) {
  if (isa == Isa::kReference) return nullptr;
  const CinFormats& formats = isa == Isa::kAvx2     ? kCinAvx2
                              : isa == Isa::kAvx512 ? kCinAvx512
                                                    : kCinAvx512Bf16;
  return precision == Precision::kBf16 ? &formats.bf16 : &formats.f32;
}

void cut_panels(CinShape& shape, Precision precision) {
  const int64_t wanted = precision == Precision::kBf16 ? kPanelColumnsBf16 : kPanelColumns;
  shape.P = std::max(wanted, (shape.D + kColumnStep - 1) / kColumnStep * kColumnStep);
  shape.S = shape.P / shape.D;
  shape.panels = std::max<int64_t>(1, kGroupColumns / shape.P);
}

}  // namespace

CinShape make_cin_shape(const Tensor& slots, const std::vector<const Parameter*>& parameters,
                        const Tensor& out) {
  const int64_t F = slots.shape.front(), D = slots.shape.back();
  CinShape shape{F, D, 0, 0, 0, 0, {}};
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
    shape.layers.push_back({N, H, on, out_column, Np, weight.value, weight.ld, bias.value, shape.maps,
                            transposed, weight.value, weight.ld, nullptr, nullptr});
    shape.maps += N;
    transposed += H * F * Np;
    out_column += N - on;
    H = on;
  }
  if (out_column != out.cols) throw Error("ERR_GRAPH", "'" + out.name + "' must have a column for each map.");
  return shape;
}

int64_t cin_scratch(const CinShape& shape, Precision precision) {
  return precision == Precision::kBf16 ? CinScratch<Bf16>(nullptr, shape).floats
                                       : CinScratch<float>(nullptr, shape).floats;
}

Cin::Cin(const OpContext& context, const Tensor* slots, std::vector<const Parameter*> parameters, Tensor* out)
    : CpuOp(context),
      slots_(slots),
      parameters_(std::move(parameters)),
      out_(out),
      shape_(make_cin_shape(*slots, parameters_, *out)),
      block_(block_kernels(context.isa)),
      kernels_(choose(context.isa, context.precision)),
      shares_(context, parameters_) {
  cut_panels(shape_, context.precision);
  const int64_t panel = shape_.maps * shape_.P, threads = context.team->threads();
  // Blocks have at most 512 rows; memory is real only once it is touched.
  const int64_t panels = context.training ? (most_row_blocks(context.max_batch) + 1) * (512 / shape_.S + 1)
                                          : threads * shape_.panels;
  hidden_ = AlignedBuffer<float>(static_cast<size_t>(panels * panel));
  scratch_floats_ = std::max(cin_scratch(shape_, context.precision), shape_.maps * shape_.D);
  scratch_ = AlignedBuffer<float>(static_cast<size_t>(threads * scratch_floats_));
  if (!kernels_) return;
  place_words();
  if (!context.training) return;
  const CinLayer& last = shape_.layers.back();
  sums_floats_ = last.transposed + last.H * shape_.F * last.Np + pad_to_vector(shape_.maps);
  sums_ = AlignedBuffer<float>(static_cast<size_t>(threads * sums_floats_));
}

// Float32 products read W itself where they can.
void Cin::place_words() {
  const bool bf16 = context_.precision == Precision::kBf16;
  const auto transposed_words = [&](const CinLayer& layer) {
    return layer.H * shape_.F * (bf16 ? in_words<Bf16>(layer.Np) : layer.Np);
  };
  int64_t words = 0, transposed = 0;
  for (CinLayer& layer : shape_.layers) {
    transposed += transposed_words(layer);
    if (!bf16) continue;
    layer.words_ld = layer.H * in_words<Bf16>(shape_.F);
    words += layer.N * layer.words_ld;
  }
  words_ = AlignedBuffer<uint32_t>(static_cast<size_t>(words));
  if (context_.training) transposed_words_ = AlignedBuffer<uint32_t>(static_cast<size_t>(transposed));
  uint32_t* at = words_.data();
  uint32_t* transposed_at = transposed_words_.data();
  for (CinLayer& layer : shape_.layers) {
    if (context_.training) layer.transposed_words = transposed_at;
    transposed_at += transposed_words(layer);
    if (!bf16) continue;
    layer.words = layer.packed = at;
    at += layer.N * layer.words_ld;
  }
}

int64_t Cin::tasks(Stage stage, int64_t) {
  if (stage == Stage::kWeightGradients) return shares_.tasks();
  if (packed_ || !kernels_) return 0;
  packed_ = true;
  return static_cast<int64_t>(shape_.layers.size()) * kPackTasks;
}

// Each task packs an equal part of a layer's maps and of its sums.
void Cin::run_task(Stage stage, int64_t B, int64_t task) {
  if (stage == Stage::kWeightGradients) return shares_.run_task(B, task);
  const int64_t part = task % kPackTasks;
  const CinLayer& layer = shape_.layers[task / kPackTasks];
  const auto cut = [&](int64_t size, int64_t at) { return size * at / kPackTasks; };
  if (layer.packed) pack_forward(layer, cut(layer.N, part), cut(layer.N, part + 1));
  const int64_t depth = layer.H * shape_.F;
  if (layer.transposed_words) pack_transposed(layer, cut(depth, part), cut(depth, part + 1));
}

void Cin::pack_forward(const CinLayer& layer, int64_t first, int64_t last) {
  const int64_t F = shape_.F, Fw = in_words<Bf16>(F);
  for (int64_t n = first; n < last; n++) {
    for (int64_t h = 0; h < layer.H; h++) {
      block_.pair_columns(layer.packed + n * layer.words_ld + h * Fw,
                          layer.weight + n * layer.weight_ld + h * F, F);
    }
  }
}

void Cin::pack_transposed(const CinLayer& layer, int64_t first, int64_t last) {
  uint32_t* to = layer.transposed_words;
  if (context_.precision == Precision::kF32) {
    block_.transpose(to + first * layer.Np, layer.Np, layer.weight + first, layer.weight_ld, layer.N,
                     last - first);
    return;
  }
  std::vector<float> rows(static_cast<size_t>(kPackRows * layer.Np));
  for (int64_t k = first; k < last; k += kPackRows) {
    const int64_t count = std::min(kPackRows, last - k);
    block_.transpose(rows.data(), layer.Np, layer.weight + k, layer.weight_ld, layer.N, count);
    for (int64_t r = 0; r < count; r++)
      block_.pair_columns(to + (k + r) * layer.Np / 2, rows.data() + r * layer.Np, layer.Np);
  }
}

// Row b's panels: those of a block begin with its first row.
float* Cin::hidden_of(int64_t B, int64_t first, int64_t b) {
  const int64_t panel = shape_.maps * shape_.P;
  if (!context_.training) return hidden_.data() + ThreadTeam::current() * shape_.panels * panel;
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
          std::min(shape_.panels * shape_.S, last - b)};
}

CinGradients Cin::gradients_in(float* share, size_t layer) const {
  return {share + shares_.offset(2 * layer), share + shares_.offset(2 * layer + 1)};
}

// The reference keeps a sample's maps where its panel would be.
void Cin::forward_rows(const Batch& batch, int64_t first, int64_t last) {
  if (kernels_) {
    for (int64_t b = first; b < last; b += shape_.panels * shape_.S) {
      kernels_->forward(rows_at(batch.B, first, b, last), thread_scratch(), shape_, block_);
    }
    return;
  }
  for (int64_t b = first; b < last; b++) {
    float* hidden = context_.training ? hidden_.data() + b * shape_.maps * shape_.D : thread_scratch();
    cin_forward_ref(out_->value + b * out_->ld, hidden, slots_->value + b * slots_->ld, shape_,
                    context_.precision);
  }
}

void Cin::backward_rows_ref(float* share, int64_t first, int64_t last) {
  std::vector<CinGradients> gradients;
  for (size_t l = 0; l < shape_.layers.size(); l++) gradients.push_back(gradients_in(share, l));
  for (int64_t b = first; b < last; b++) {
    cin_backward_ref(slots_->gradient + b * slots_->ld, gradients, thread_scratch(),
                     out_->gradient + b * out_->ld, hidden_.data() + b * shape_.maps * shape_.D,
                     slots_->value + b * slots_->ld, shape_, context_.precision);
  }
}

void Cin::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  float* share = shares_.clear(batch.B, first);
  if (!kernels_) return backward_rows_ref(share, first, last);
  float* dtransposed = sums_.data() + ThreadTeam::current() * sums_floats_;
  float* dbiases = dtransposed + sums_floats_ - pad_to_vector(shape_.maps);
  std::fill_n(dtransposed, sums_floats_, 0.0f);
  for (int64_t b = first; b < last; b += shape_.panels * shape_.S) {
    kernels_->backward(rows_at(batch.B, first, b, last), dtransposed, dbiases, thread_scratch(), shape_,
                       block_);
  }
  for (size_t l = 0; l < shape_.layers.size(); l++) {
    const CinLayer& layer = shape_.layers[l];
    const CinGradients gradients = gradients_in(share, l);
    block_.transpose(gradients.weight, layer.weight_ld, dtransposed + layer.transposed, layer.Np,
                     layer.H * shape_.F, layer.N);
    std::copy_n(dbiases + layer.hidden, layer.N, gradients.bias);
  }
}

}  // namespace pss
