#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "ops/sketch/sketch.h"

namespace pss {

namespace {

// Lookups whose entries of S a task of the backward pass generates at a time: they and their gradients fit
// the L2 cache.
constexpr int64_t kLookups = 256;

}  // namespace

SketchKind parse_sketch(const std::string& name) {
  if (name == "gaussian") return SketchKind::kGaussian;
  if (name == "achlioptas") return SketchKind::kAchlioptas;
  throw Error("ERR_GRAPH", "There is no sketch called '" + name + "'; use gaussian or achlioptas.");
}

void check_sketch(const SketchSpec& spec, int64_t id_columns, const Parameter& memory, const Tensor& out) {
  const auto slots = spec.columns.empty() ? id_columns : static_cast<int64_t>(spec.columns.size());
  bool fits = out.shape.size() == 2 && out.shape[0] == slots && memory.cols == out.shape[1];
  for (const int64_t column : spec.columns) fits = fits && column >= 0 && column < id_columns;
  if (!fits) {
    throw Error("ERR_GRAPH",
                "Sketch '" + out.name + "' needs a memory [k, D] and an id column for each slot.");
  }
}

Sketch::Sketch(const OpContext& context, const SketchSpec& spec, int64_t id_columns, const Parameter* memory,
               Tensor* out)
    : CpuOp(context), spec_(spec), id_columns_(id_columns), memory_(memory), out_(out) {
  check_sketch(spec, id_columns, *memory, *out);
  slots_ = out->shape[0];
  D_ = out->shape[1];
  k_ = memory->rows;
  padded_k_ = (k_ + kSketchBlock - 1) / kSketchBlock * kSketchBlock;
  scale_ = sketch_scale(spec.kind, k_);
  scratch_floats_ = std::max(kSketchGroup * (padded_k_ + D_), kLookups * kSketchBlock);
  scratch_ = AlignedBuffer<float>(static_cast<size_t>(context.team->threads() * scratch_floats_));
  if (context.training) columns_ = AlignedBuffer<uint64_t>(static_cast<size_t>(context.max_batch * slots_));
}

uint64_t Sketch::column_of(const Batch& batch, int64_t lookup) const {
  const int64_t b = lookup / slots_, f = lookup % slots_;
  const int64_t table = spec_.columns.empty() ? f : spec_.columns[f];
  return sketch_column(table, batch.sparse[b * id_columns_ + table]);
}

void Sketch::forward_rows(const Batch& batch, int64_t first, int64_t last) {
  const bool wide = context_.isa >= Isa::kAvx512;
  const auto generate = wide ? sketch_entries_avx512 : sketch_entries_ref;
  const auto multiply = wide ? sketch_forward_avx512 : sketch_forward_ref;
  float* entries = thread_scratch();
  float* out = entries + kSketchGroup * padded_k_;
  for (int64_t n = first * slots_; n < last * slots_; n += kSketchGroup) {
    const int64_t count = std::min(kSketchGroup, last * slots_ - n);
    for (int64_t g = 0; g < count; g++) {
      generate(entries + g * padded_k_, spec_.kind, spec_.seed, column_of(batch, n + g), scale_, 0,
               padded_k_);
    }
    multiply(out, entries, padded_k_, memory_->value, memory_->ld, k_, D_);
    for (int64_t g = 0; g < count; g++) {
      std::memcpy(out_->value + (n + g) / slots_ * out_->ld + (n + g) % slots_ * D_, out + g * D_,
                  static_cast<size_t>(D_) * sizeof(float));
    }
  }
}

void Sketch::keep_rows(const Batch& batch, int64_t first, int64_t last) {
  for (int64_t n = first * slots_; n < last * slots_; n++) columns_[n] = column_of(batch, n);
}

int64_t Sketch::tasks(Stage stage, int64_t) {
  return stage == Stage::kWeightGradients ? padded_k_ / kSketchBlock : 0;
}

// One block of rows of dM.
void Sketch::run_task(Stage, int64_t B, int64_t task) {
  const bool wide = context_.isa >= Isa::kAvx512;
  const auto generate = wide ? sketch_entries_avx512 : sketch_entries_ref;
  const auto accumulate = wide ? sketch_backward_avx512 : sketch_backward_ref;
  const int64_t first = task * kSketchBlock, rows = std::min(kSketchBlock, k_ - first);
  float* dmemory = memory_->gradient + first * memory_->ld;
  std::fill_n(dmemory, rows * memory_->ld, 0.0f);
  float* entries = thread_scratch();
  const float* dout[kLookups];
  for (int64_t n = 0; n < B * slots_; n += kLookups) {
    const int64_t count = std::min(kLookups, B * slots_ - n);
    for (int64_t i = 0; i < count; i++) {
      generate(entries + i * kSketchBlock, spec_.kind, spec_.seed, columns_[n + i], scale_, first,
               kSketchBlock);
      dout[i] = out_->gradient + (n + i) / slots_ * out_->ld + (n + i) % slots_ * D_;
    }
    accumulate(dmemory, memory_->ld, entries, dout, count, rows, D_);
  }
}

}  // namespace pss
