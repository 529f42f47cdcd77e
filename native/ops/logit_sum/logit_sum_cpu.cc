#include <algorithm>

#include "base/error.h"
#include "ops/logit_sum/logit_sum.h"

namespace pss {

void check_logit_sum(const Parameter& bias, const Tensor& out) {
  if (out.cols != 1 || bias.cols != 1)
    throw Error("ERR_GRAPH", "'" + out.name + "' must be one logit a row.");
}

LogitSum::LogitSum(const OpContext& context, std::vector<const Tensor*> inputs, const Parameter* bias,
                   Tensor* out)
    : CpuOp(context), inputs_(std::move(inputs)), bias_(bias), out_(out), shares_(context, {bias}) {
  check_logit_sum(*bias, *out);
}

void LogitSum::forward_rows(const Batch&, int64_t first, int64_t last) {
  for (int64_t b = first; b < last; b++) {
    float sum = bias_->value[0];
    for (const Tensor* input : inputs_) {
      const float* x = input->value + b * input->ld;
      float term = 0;
      for (int64_t c = 0; c < input->cols; c++) term += x[c];
      sum += term;
    }
    out_->value[b] = sum;
  }
}

void LogitSum::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  float* dbias = shares_.clear(batch.B, first);
  for (int64_t b = first; b < last; b++) {
    const float dout = out_->gradient[b];
    *dbias += dout;
    for (const Tensor* input : inputs_) {
      if (input->gradient) std::fill_n(input->gradient + b * input->ld, input->cols, dout);
    }
  }
}

}  // namespace pss
