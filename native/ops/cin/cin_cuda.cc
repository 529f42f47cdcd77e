#include "ops/cin/cin_cuda.h"

#include <algorithm>
#include <string>

#include "backend/cuda/launch.h"
#include "base/aligned_buffer.h"
#include "base/error.h"

namespace pss {

namespace {

// Samples that a prediction works on at once; training keeps the maps of a whole batch.
constexpr int64_t kPredictedSamples = 2048;
// Sums of dW are cut until there are about this many blocks, in parts of at least this many columns.
constexpr int64_t kWantedBlocks = 216, kLeastPart = 256;

int64_t quads_of(int64_t columns) {
  return (columns + 3) / 4 * 4;
}

int32_t lanes_for(int64_t D) {
  int32_t lanes = 1;
  while (lanes < D && lanes < 32) lanes *= 2;
  return lanes;
}

unsigned shared_bytes(int64_t F) {
  return static_cast<unsigned>(cin_shared_floats(static_cast<int>(F)) * static_cast<int64_t>(sizeof(float)));
}

CudaMemory floats(int64_t count, const CudaOpContext& context) {
  return CudaMemory(static_cast<size_t>(count) * sizeof(float), *context.stream);
}

}  // namespace

CinCuda::CinCuda(const CudaOpContext& context, const Tensor* slots, std::vector<const Parameter*> parameters,
                 Tensor* out)
    : context_(context),
      slots_(slots),
      parameters_(std::move(parameters)),
      out_(out),
      shape_(make_cin_shape(*slots, parameters_, *out)),
      tf32_(context.tf32 || context.bf16),
      samples_(context.training ? context.max_batch : std::min(context.max_batch, kPredictedSamples)),
      ld_(pad_to_vector(samples_ * shape_.D)),
      sums_(context) {
  if (shared_bytes(shape_.F) > kMostSharedBytes) {
    throw Error("ERR_GRAPH", "'" + out->name + "' has " + std::to_string(shape_.F) +
                                 " slots, more than a GPU's shared memory holds; use device cpu.");
  }
  const auto kernel = [&](const char* name) { return context.device->kernel("cin_kernel", name); };
  const auto product = [&](const std::string& name, unsigned shared = 0) {
    return context.device->kernel("cin_products_kernel", name + (tf32_ ? "_tf32" : "_f32"),
                                  static_cast<int>(shared));
  };
  columns_ = kernel("cin_columns");
  pool_ = kernel("cin_pool");
  forward_ = product("cin_forward");
  rows_ = floats(shape_.F * ld_, context);
  hidden_ = floats(shape_.maps * ld_, context);
  if (!context.training) return;
  spread_ = kernel("cin_spread");
  bias_gradient_ = kernel("cin_bias_gradient");
  weight_gradient_ = product("cin_weight_gradient");
  input_gradient_ = product("cin_input_gradient", shared_bytes(shape_.F));
  slots_back_ = kernel("cin_slots");
  drows_ = floats(shape_.F * ld_, context);
  int64_t most = 0;
  for (size_t l = 0; l < shape_.layers.size(); l++) {
    most = std::max(most, parts(l, samples_ * shape_.D) * parameters_[2 * l]->stored());
  }
  parts_ = floats(most, context);
}

int64_t CinCuda::parts(size_t layer, int64_t columns) const {
  const CinLayer& l = shape_.layers[layer];
  const int64_t tiles = int64_t{blocks_for(l.N, kCinTile)} * blocks_for(l.H * shape_.F, kCinTile);
  return std::clamp(kWantedBlocks / tiles, int64_t{1}, std::max(columns / kLeastPart, int64_t{1}));
}

CinRowsArguments CinCuda::rows_arguments(float* slots, float* rows, int64_t samples) const {
  return {slots,
          rows,
          slots_->ld,
          ld_,
          make_divisor(shape_.D),
          static_cast<int32_t>(samples),
          static_cast<int32_t>(shape_.F),
          static_cast<int32_t>(shape_.D)};
}

CinOutputArguments CinCuda::output_arguments(size_t layer, int64_t first, int64_t samples) const {
  const CinLayer& l = shape_.layers[layer];
  return {out_->value + first * out_->ld,
          out_->gradient,
          maps_of(layer) + l.on * ld_,
          out_->ld,
          ld_,
          make_divisor(shape_.D),
          static_cast<int32_t>(l.out),
          static_cast<int32_t>(l.N - l.on),
          static_cast<int32_t>(samples),
          static_cast<int32_t>(shape_.D),
          lanes_for(shape_.D)};
}

CinProductArguments CinCuda::product_arguments(size_t layer, int64_t samples) const {
  const CinLayer& l = shape_.layers[layer];
  CinProductArguments a{};
  a.hidden = maps_of(layer);
  a.below = layer ? maps_of(layer - 1) : rows_.as<float>();
  a.e = rows_.as<float>();
  a.weight = l.weight;
  a.bias = l.bias;
  a.de = drows_.as<float>();
  a.ld = ld_;
  a.weight_ld = l.weight_ld;
  a.by_F = make_divisor(shape_.F);
  a.N = static_cast<int32_t>(l.N);
  a.H = static_cast<int32_t>(l.H);
  a.F = static_cast<int32_t>(shape_.F);
  a.columns = static_cast<int32_t>(quads_of(samples * shape_.D));
  a.is_first = layer == 0;
  a.adds = layer + 1 < shape_.layers.size();
  return a;
}

void CinCuda::forward(const Batch& batch) {
  for (int64_t b = 0; b < batch.B; b += samples_) forward_samples(b, std::min(samples_, batch.B - b));
}

void CinCuda::forward_samples(int64_t first, int64_t samples) {
  const int64_t columns = quads_of(samples * shape_.D);
  launch(columns_,
         {.grid_x = blocks_for(columns, kCinRowThreads),
          .grid_y = static_cast<unsigned>(shape_.F),
          .threads = kCinRowThreads},
         *context_.stream, rows_arguments(slots_->value + first * slots_->ld, rows_.as<float>(), samples));
  for (size_t l = 0; l < shape_.layers.size(); l++) {
    const CinLayer& layer = shape_.layers[l];
    launch(forward_,
           {.grid_x = blocks_for(layer.N, kCinTile),
            .grid_y = blocks_for(columns, kCinTile),
            .threads = kCinThreads},
           *context_.stream, product_arguments(l, samples));
    launch(pool_,
           {.grid_x = blocks_for(layer.N - layer.on, kCinOutputMaps),
            .grid_y = blocks_for(samples, kCinOutputSamples),
            .threads = kCinRowThreads},
           *context_.stream, output_arguments(l, first, samples));
  }
}

void CinCuda::backward(const Batch& batch) {
  const int64_t columns = quads_of(batch.B * shape_.D);
  for (size_t l = shape_.layers.size(); l-- > 0;) {
    const CinLayer& layer = shape_.layers[l];
    launch(spread_,
           {.grid_x = blocks_for(columns, 32),
            .grid_y = blocks_for(layer.N - layer.on, kCinRowThreads / 32),
            .threads = kCinRowThreads},
           *context_.stream, output_arguments(l, 0, batch.B));
    launch(
        bias_gradient_, {.grid_x = static_cast<unsigned>(layer.N), .threads = kCinRowThreads},
        *context_.stream,
        CinBiasArguments{parameters_[2 * l + 1]->gradient, maps_of(l), ld_, static_cast<int32_t>(columns)});
    // The maps below are read as they are before their gradients take their place.
    weight_gradient(l, batch.B);
    launch(input_gradient_,
           {.grid_x = blocks_for(columns, kCinTile),
            .threads = kCinThreads,
            .shared_bytes = shared_bytes(shape_.F)},
           *context_.stream, product_arguments(l, batch.B));
  }
  launch(slots_back_, {.grid_x = static_cast<unsigned>(batch.B), .threads = kCinRowThreads}, *context_.stream,
         rows_arguments(slots_->gradient, drows_.as<float>(), batch.B));
}

void CinCuda::weight_gradient(size_t layer, int64_t samples) {
  const CinLayer& l = shape_.layers[layer];
  const Parameter& weight = *parameters_[2 * layer];
  CinProductArguments a = product_arguments(layer, samples);
  const int64_t part =
      int64_t{blocks_for(blocks_for(a.columns, parts(layer, a.columns)), kCinStep)} * kCinStep;
  const unsigned count = blocks_for(a.columns, part);
  a.dweight = count > 1 ? parts_.as<float>() : weight.gradient;
  a.part_stride = weight.stored();
  a.columns_per_part = static_cast<int32_t>(part);
  launch(weight_gradient_,
         {.grid_x = blocks_for(l.H * shape_.F, kCinTile),
          .grid_y = blocks_for(l.N, kCinTile),
          .grid_z = count,
          .threads = kCinThreads},
         *context_.stream, a);
  if (count == 1) return;
  sums_.run({{weight.gradient, parts_.as<float>(), weight.stored(), static_cast<int32_t>(weight.stored()),
              static_cast<int32_t>(count)}});
}

}  // namespace pss
