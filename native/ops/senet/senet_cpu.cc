#include "base/error.h"
#include "ops/senet/senet.h"

namespace pss {

Senet::Senet(const OpContext& context, const Tensor* slots, const Parameter* first, const Parameter* second,
             Tensor* out)
    : CpuOp(context),
      slots_(slots),
      first_(first),
      second_(second),
      out_(out),
      shape_{slots->shape.front(), slots->shape.back(), first->rows, first->ld, second->ld},
      kernels_(choose_kernels(context.isa, kSenetReference, kSenetAvx2, kSenetAvx512)),
      scratch_(static_cast<size_t>(context.team->threads() * senet_scratch(shape_))),
      shares_(context, {first, second}) {
  check_senet(*slots, *first, *second, *out);
}

void check_senet(const Tensor& slots, const Parameter& first, const Parameter& second, const Tensor& out) {
  const int64_t F = slots.shape.front();
  if (first.cols == F && second.rows == F && second.cols == first.rows && out.cols == slots.cols) return;
  throw Error("ERR_GRAPH", "The weights of '" + out.name + "' don't fit " + std::to_string(F) + " slots.");
}

void Senet::forward_rows(const Batch&, int64_t first, int64_t last) {
  float* scratch = thread_scratch();
  for (int64_t b = first; b < last; b++) {
    kernels_.forward(out_->value + b * out_->ld, slots_->value + b * slots_->ld, weights(), scratch, shape_);
  }
}

void Senet::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  float* scratch = thread_scratch();
  float* share = shares_.clear(batch.B, first);
  for (int64_t b = first; b < last; b++) {
    const int64_t at = b * slots_->ld;
    kernels_.backward(slots_->gradient + at, share + shares_.offset(0), share + shares_.offset(1),
                      out_->gradient + b * out_->ld, slots_->value + at, weights(), scratch, shape_);
  }
}

}  // namespace pss
