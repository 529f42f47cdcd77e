// Optimizers over all dense parameters in one launch: see optimizer.h for the formulas. Thread block i works
// through DenseUpdateBlock i, four floats a thread at a time; each float is one thread's own, so the result
// is the same bits every time, and the same as the CPU's for the same gradient (no contraction, IEEE division
// and square root). Bytes a float: sgd 12, adagrad 20, adam 28, and 2 where there is a bfloat16 copy. Nothing
// is written once a loss wasn't finite.
#include "backend/cuda/quad.cuh"
#include "optim/optimizer_rules.cuh"

namespace {

template <typename Rule>
__device__ void update_block(const pss::DenseUpdateArguments& a) {
  const pss::StepControl control = *a.control;
  if (control.halted) return;
  const pss::DenseUpdateBlock block = a.blocks[blockIdx.x];
  for (int64_t i = 4 * threadIdx.x; i < block.count; i += 4 * pss::kDenseUpdateThreads) {
    const float4 g = *reinterpret_cast<const float4*>(block.gradient + i);
    pss::update_quad<Rule>(block.weights, g, block.state0, block.state1, i, block.l2, a.constants, control);
    if (block.rounded) pss::store4(block.rounded + i, pss::load4(block.weights + i), 4);
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kDenseUpdateThreads)
    update_sgd(const pss::DenseUpdateArguments a) {
  update_block<pss::Sgd>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kDenseUpdateThreads)
    update_adagrad(const pss::DenseUpdateArguments a) {
  update_block<pss::Adagrad>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kDenseUpdateThreads)
    update_adam(const pss::DenseUpdateArguments a) {
  update_block<pss::Adam>(a);
}
