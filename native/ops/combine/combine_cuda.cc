#include "ops/combine/combine_cuda.h"

#include <cmath>

#include "backend/cuda/launch.h"

namespace pss {

CombineCuda::CombineCuda(const CudaOpContext& context, const CombineSpec& spec, int64_t id_columns,
                         const Tensor* in, Tensor* out)
    : context_(context),
      spec_(spec),
      id_columns_(id_columns),
      in_(in),
      out_(out),
      slots_(check_combine(spec, *in, *out)),
      forward_(context.device->kernel("combine_kernel", "combine_forward")),
      backward_(context.device->kernel("combine_kernel", "combine_backward")) {
  std::vector<int32_t> columns;
  for (int64_t f = 0; f < slots_; f++) {
    columns.push_back(static_cast<int32_t>(spec.columns.empty() ? f : spec.columns[f]));
  }
  columns_ = upload(columns, *context.stream);
}

CombineArguments CombineCuda::arguments(const Batch& batch) const {
  return {out_->value,
          nullptr,
          in_->value,
          batch.sparse,
          columns_.as<int32_t>(),
          spec_.hash_seed,
          out_->ld,
          in_->ld,
          spec_.kind,
          static_cast<int32_t>(slots_),
          static_cast<int32_t>(spec_.vectors),
          static_cast<int32_t>(out_->shape[1]),
          static_cast<int32_t>(id_columns_),
          static_cast<int32_t>(batch.B * slots_),
          static_cast<float>(1 / std::sqrt(static_cast<double>(spec_.vectors)))};
}

void CombineCuda::forward(const Batch& batch) {
  const CombineArguments a = arguments(batch);
  launch(forward_, {.grid_x = blocks_for(a.lookups, kCombineThreads / 32), .threads = kCombineThreads},
         *context_.stream, a);
}

void CombineCuda::backward(const Batch& batch) {
  if (!in_->gradient) return;
  CombineArguments a = arguments(batch);
  a.out = out_->gradient;
  a.din = in_->gradient;
  launch(backward_, {.grid_x = blocks_for(a.lookups, kCombineThreads / 32), .threads = kCombineThreads},
         *context_.stream, a);
}

}  // namespace pss
