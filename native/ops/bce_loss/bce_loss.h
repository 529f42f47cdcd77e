// Mean binary cross-entropy with logits, stable for any finite z:
//
//   loss = 1/B * sum_b max(z_b, 0) - z_b*y_b + log(1 + exp(-|z_b|));    dz_b = (sigmoid(z_b) - y_b) / B
// Terms are float64; the rows of a block are summed in order, then the blocks.
#pragma once

#include <vector>

#include "ops/cpu_op.h"

namespace pss {

// Sum (not mean) of the loss over rows [first, last); writes dz unless null, with `scale` = 1/B.
double bce_block(float* dz, const float* z, const uint8_t* labels, int64_t first, int64_t last, double scale);

class BceLoss {
 public:
  BceLoss(const OpContext& context, const Tensor* logits);
  // Rows [first, last), a whole block of row_block(batch.B): writes the logits' gradient where there is one.
  void run_rows(const Batch& batch, int64_t first, int64_t last);
  // Mean loss of a batch whose rows have all been run.
  double total(int64_t B) const;

 private:
  const Tensor* logits_;
  std::vector<double> sums_;  // by block
};

}  // namespace pss
