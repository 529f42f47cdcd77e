#include "ops/logit_sum/logit_sum_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/logit_sum/logit_sum.h"

namespace pss {

namespace {
constexpr int kRows = kLogitSumThreads / kLogitLanes;  // of a block
}  // namespace

LogitSumCuda::LogitSumCuda(const CudaOpContext& context, const std::vector<const Tensor*>& inputs,
                           const Parameter* bias, Tensor* out)
    : context_(context),
      bias_(bias),
      out_(out),
      count_(static_cast<int32_t>(inputs.size())),
      forward_(context.device->kernel("logit_sum_kernel", "logit_sum")),
      backward_(context.device->kernel("logit_sum_kernel", "logit_sum_backward")) {
  check_logit_sum(*bias, *out);
  std::vector<LogitTerm> terms;
  for (const Tensor* input : inputs) {
    terms.push_back({input->value, input->gradient, input->ld, static_cast<int32_t>(input->cols)});
  }
  terms_ = upload(terms, *context.stream);
}

LogitSumArguments LogitSumCuda::arguments(int64_t B) const {
  return {out_->value,     out_->gradient, terms_.as<LogitTerm>(), bias_->value,
          bias_->gradient, count_,         static_cast<int32_t>(B)};
}

void LogitSumCuda::forward(const Batch& batch) {
  launch(forward_, {.grid_x = blocks_for(batch.B, kRows), .threads = kLogitSumThreads}, *context_.stream,
         arguments(batch.B));
}

void LogitSumCuda::backward(const Batch& batch) {
  launch(backward_, {.grid_x = blocks_for(batch.B, kRows) + 1, .threads = kLogitSumThreads}, *context_.stream,
         arguments(batch.B));
}

}  // namespace pss
