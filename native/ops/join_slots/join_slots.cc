#include "ops/join_slots/join_slots.h"

#include <cstring>

#include "base/error.h"

namespace pss {

void check_join(const JoinSpec& spec, const std::vector<const Tensor*>& inputs, const Tensor& out) {
  const int64_t F = out.shape.size() == 2 ? out.shape[0] : 0;
  std::vector<bool> filled(static_cast<size_t>(F), false);
  int64_t slots = 0;
  bool fits = static_cast<int64_t>(spec.places.size()) == F;
  for (const Tensor* in : inputs) {
    fits = fits && in->shape.size() == 2 && in->shape[1] == out.shape[1];
    slots += in->shape[0];
  }
  fits = fits && slots == F;
  for (const int64_t place : spec.places) {
    fits = fits && place >= 0 && place < F && !filled[static_cast<size_t>(place)];
    if (fits) filled[static_cast<size_t>(place)] = true;
  }
  if (!fits)
    throw Error("ERR_GRAPH", "The slots joined in '" + out.name + "' don't fill each of its places once.");
}

JoinSlots::JoinSlots(const OpContext& context, const JoinSpec& spec, std::vector<const Tensor*> inputs,
                     Tensor* out)
    : CpuOp(context), spec_(spec), inputs_(std::move(inputs)), out_(out) {
  check_join(spec_, inputs_, *out_);
}

void JoinSlots::forward_rows(const Batch&, int64_t first, int64_t last) {
  const int64_t D = out_->shape[1];
  for (int64_t b = first; b < last; b++) {
    const int64_t* place = spec_.places.data();
    for (const Tensor* in : inputs_) {
      for (int64_t f = 0; f < in->shape[0]; f++) {
        std::memcpy(out_->value + b * out_->ld + *place++ * D, in->value + b * in->ld + f * D,
                    static_cast<size_t>(D) * sizeof(float));
      }
    }
  }
}

void JoinSlots::backward_rows(const Batch&, int64_t first, int64_t last) {
  const int64_t D = out_->shape[1];
  for (int64_t b = first; b < last; b++) {
    const int64_t* place = spec_.places.data();
    for (const Tensor* in : inputs_) {
      for (int64_t f = 0; f < in->shape[0]; f++, place++) {
        if (!in->gradient) continue;
        std::memcpy(in->gradient + b * in->ld + f * D, out_->gradient + b * out_->ld + *place * D,
                    static_cast<size_t>(D) * sizeof(float));
      }
    }
  }
}

}  // namespace pss
