#include <cmath>

#include "base/error.h"
#include "ops/bce_loss/bce_loss.h"

namespace pss {

double bce_block(float* dz, const float* z, const uint8_t* labels, int64_t first, int64_t last,
                 double scale) {
  double sum = 0;
  for (int64_t b = first; b < last; b++) {
    const double x = z[b], y = labels[b];
    const double e = std::exp(-std::fabs(x));
    sum += std::fmax(x, 0.0) - x * y + std::log1p(e);
    if (dz) dz[b] = static_cast<float>(((x >= 0 ? 1 / (1 + e) : e / (1 + e)) - y) * scale);
  }
  return sum;
}

BceLoss::BceLoss(const OpContext& context, const Tensor* logits) : logits_(logits) {
  if (logits->cols != 1) {
    throw Error("ERR_GRAPH", "The loss needs one logit a row, but '" + logits->name + "' has " +
                                 std::to_string(logits->cols) + " columns.");
  }
  sums_.resize(static_cast<size_t>(context.max_batch / row_block(1) + 1));
}

void BceLoss::run_rows(const Batch& batch, int64_t first, int64_t last) {
  sums_[first / row_block(batch.B)] = bce_block(logits_->gradient, logits_->value, batch.labels, first, last,
                                                1.0 / static_cast<double>(batch.B));
}

double BceLoss::total(int64_t B) const {
  double sum = 0;
  for (int64_t block = 0; block * row_block(B) < B; block++) sum += sums_[block];
  return sum / static_cast<double>(B);
}

}  // namespace pss
