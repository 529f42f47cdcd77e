#include "ops/concat/concat_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/concat/concat.h"
#include "ops/concat/concat_kernel.h"

namespace pss {

ConcatCuda::ConcatCuda(const CudaOpContext& context, const std::vector<const Tensor*>& inputs, Tensor* out)
    : context_(context),
      out_(out),
      join_(context.device->kernel("concat_kernel", "concat_join")),
      part_(context.device->kernel("concat_kernel", "concat_part")) {
  check_concat(inputs, *out);
  std::vector<ConcatPart> parts;
  int64_t first = 0;
  for (const Tensor* input : inputs) {
    const bool quads = first % 4 == 0 && input->cols % 4 == 0;
    if (input->value != out->value + first) {
      parts.push_back({input->value, input->gradient, input->ld, static_cast<int32_t>(first),
                       static_cast<int32_t>(input->cols), quads});
    }
    first += input->cols;
  }
  count_ = static_cast<unsigned>(parts.size());
  parts_ = upload(parts, *context.stream);
}

void ConcatCuda::copy(CudaFunctionHandle kernel, float* whole, int64_t B) {
  launch(kernel, {.grid_x = blocks_for(B, kConcatThreads / 32), .grid_y = count_, .threads = kConcatThreads},
         *context_.stream,
         ConcatArguments{whole, parts_.as<ConcatPart>(), out_->ld, static_cast<int32_t>(B)});
}

}  // namespace pss
