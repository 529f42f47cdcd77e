#include <cmath>

#include "base/error.h"
#include "ops/combine/combine.h"
#include "ops/embedding/mix64.h"

namespace pss {

CombineKind parse_combine(const std::string& name) {
  if (name == "product") return CombineKind::kProduct;
  if (name == "sum") return CombineKind::kSum;
  if (name == "signedSum") return CombineKind::kSignedSum;
  throw Error("ERR_GRAPH", "Vectors can't be combined by '" + name + "'; use product, sum or signedSum.");
}

int64_t check_combine(const CombineSpec& spec, const Tensor& in, const Tensor& out) {
  if (in.shape.size() == 2 && out.shape.size() == 2 && in.shape[0] == out.shape[0] && spec.vectors > 0 &&
      in.shape[1] == spec.vectors * out.shape[1]) {
    return in.shape[0];
  }
  throw Error("ERR_GRAPH", "Tensor '" + in.name + "' doesn't hold " + std::to_string(spec.vectors) +
                               " vectors for each slot of '" + out.name + "'.");
}

Combine::Combine(const OpContext& context, const CombineSpec& spec, int64_t id_columns, const Tensor* in,
                 Tensor* out)
    : CpuOp(context),
      spec_(spec),
      id_columns_(id_columns),
      in_(in),
      out_(out),
      slots_(check_combine(spec, *in, *out)),
      D_(out->shape[1]) {
  if (spec.kind != CombineKind::kSignedSum) return;
  for (int64_t t = 0; t < slots_; t++) {
    keys_.push_back(mix64_table_key(spec.hash_seed, spec.columns.empty() ? t : spec.columns[t]));
  }
  signs_.resize(static_cast<size_t>(context.team->threads() * slots_ * spec.vectors));
}

const float* Combine::sample_signs(const Batch& batch, int64_t b) {
  if (signs_.empty()) return nullptr;
  const int64_t l = spec_.vectors;
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(l)));
  float* signs = signs_.data() + ThreadTeam::current() * slots_ * l;
  for (int64_t t = 0; t < slots_; t++) {
    const uint32_t id = batch.sparse[b * id_columns_ + (spec_.columns.empty() ? t : spec_.columns[t])];
    for (int64_t c = 0; c < l; c++) signs[t * l + c] = mix64_hash(keys_[t], id, c) & 1 ? -scale : scale;
  }
  return signs;
}

void Combine::forward_rows(const Batch& batch, int64_t first, int64_t last) {
  const auto kernel = context_.isa >= Isa::kAvx512 ? combine_avx512 : combine_ref;
  const int64_t l = spec_.vectors;
  for (int64_t b = first; b < last; b++) {
    const float* signs = sample_signs(batch, b);
    const float* in = in_->value + b * in_->ld;
    float* out = out_->value + b * out_->ld;
    for (int64_t t = 0; t < slots_; t++) {
      kernel(out + t * D_, in + t * l * D_, signs ? signs + t * l : nullptr, spec_.kind, l, D_);
    }
  }
}

void Combine::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  if (!in_->gradient) return;
  const auto kernel = context_.isa >= Isa::kAvx512 ? combine_backward_avx512 : combine_backward_ref;
  const int64_t l = spec_.vectors;
  for (int64_t b = first; b < last; b++) {
    const float* signs = sample_signs(batch, b);
    const float* in = in_->value + b * in_->ld;
    float* din = in_->gradient + b * in_->ld;
    const float* dout = out_->gradient + b * out_->ld;
    for (int64_t t = 0; t < slots_; t++) {
      kernel(din + t * l * D_, dout + t * D_, in + t * l * D_, signs ? signs + t * l : nullptr, spec_.kind, l,
             D_);
    }
  }
}

}  // namespace pss
