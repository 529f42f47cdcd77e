#include "optim/optimizer_cuda.h"

#include <algorithm>

#include "backend/cuda/launch.h"

namespace pss {

namespace {

const char* kernel_name(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kSgd:
      return "update_sgd";
    case OptimizerKind::kAdagrad:
    case OptimizerKind::kRowwiseAdagrad:
      return "update_adagrad";
    default:
      return "update_adam";
  }
}

}  // namespace

DenseUpdateCuda::DenseUpdateCuda(const CudaOpContext& context, const OptimizerSpec& spec,
                                 const std::vector<DenseUpdateBlock>& parameters)
    : context_(context),
      spec_(spec),
      kernel_(context.device->kernel("optimizer_kernel", kernel_name(spec.kind))) {
  std::vector<DenseUpdateBlock> blocks;
  const auto at = [](auto* data, int64_t offset) { return data ? data + offset : nullptr; };
  for (const DenseUpdateBlock& p : parameters) {
    for (int64_t first = 0; first < p.count; first += kDenseUpdateFloats) {
      blocks.push_back({p.weights + first, p.gradient + first, at(p.state0, first), at(p.state1, first),
                        at(p.rounded, first), std::min(kDenseUpdateFloats, p.count - first), p.l2});
    }
  }
  count_ = static_cast<unsigned>(blocks.size());
  blocks_ = CudaMemory(blocks.size() * sizeof(DenseUpdateBlock), *context.stream);
  copy_to_device(blocks_.data(), blocks.data(), blocks.size() * sizeof(DenseUpdateBlock), *context.stream);
  context.stream->synchronize();
}

void DenseUpdateCuda::apply() {
  launch(kernel_, {.grid_x = count_, .threads = kDenseUpdateThreads}, *context_.stream,
         DenseUpdateArguments{
             blocks_.as<DenseUpdateBlock>(), context_.control, {spec_.beta1, spec_.beta2, spec_.epsilon}});
}

}  // namespace pss
