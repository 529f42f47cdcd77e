// Optimizers over all dense parameters in one launch: see optimizer.h for the formulas. Thread block i works
// through DenseUpdateBlock i, four floats a thread at a time; each float is one thread's own, so the result
// is the same bits every time, and the same as the CPU's for the same gradient (no contraction, IEEE division
// and square root). Bytes a float: sgd 12, adagrad 20, adam 28, and 2 where there is a bfloat16 copy. Nothing
// is written once a loss wasn't finite.
#include "backend/cuda/quad.cuh"
#include "optim/optimizer_kernel.h"

namespace {

struct Sgd {
  __device__ static void update(float& w, float g, float&, float&, const pss::DenseUpdateArguments&,
                                const pss::StepControl& c) {
    w -= c.learning_rate * g;
  }
};

struct Adagrad {
  __device__ static void update(float& w, float g, float& s0, float&, const pss::DenseUpdateArguments& a,
                                const pss::StepControl& c) {
    s0 += g * g;
    w -= c.learning_rate * g / (sqrtf(s0) + a.epsilon);
  }
};

struct Adam {
  __device__ static void update(float& w, float g, float& s0, float& s1, const pss::DenseUpdateArguments& a,
                                const pss::StepControl& c) {
    s0 = a.beta1 * s0 + (1 - a.beta1) * g;
    s1 = a.beta2 * s1 + (1 - a.beta2) * g * g;
    w -= c.learning_rate / c.bias_correction1 * s0 / (sqrtf(s1 / c.bias_correction2) + a.epsilon);
  }
};

template <typename Rule, int kStates>
__device__ void update_block(const pss::DenseUpdateArguments& a) {
  const pss::StepControl control = *a.control;
  if (control.halted) return;
  const pss::DenseUpdateBlock block = a.blocks[blockIdx.x];
  for (int64_t i = 4 * threadIdx.x; i < block.count; i += 4 * pss::kDenseUpdateThreads) {
    float4 w = *reinterpret_cast<float4*>(block.weights + i);
    const float4 g = *reinterpret_cast<const float4*>(block.gradient + i);
    float4 s0{}, s1{};
    if (kStates > 0) s0 = *reinterpret_cast<float4*>(block.state0 + i);
    if (kStates > 1) s1 = *reinterpret_cast<float4*>(block.state1 + i);
    Rule::update(w.x, g.x, s0.x, s1.x, a, control);
    Rule::update(w.y, g.y, s0.y, s1.y, a, control);
    Rule::update(w.z, g.z, s0.z, s1.z, a, control);
    Rule::update(w.w, g.w, s0.w, s1.w, a, control);
    *reinterpret_cast<float4*>(block.weights + i) = w;
    if (block.rounded) pss::store4(block.rounded + i, w, 4);
    if (kStates > 0) *reinterpret_cast<float4*>(block.state0 + i) = s0;
    if (kStates > 1) *reinterpret_cast<float4*>(block.state1 + i) = s1;
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kDenseUpdateThreads)
    update_sgd(const pss::DenseUpdateArguments a) {
  update_block<Sgd, 0>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kDenseUpdateThreads)
    update_adagrad(const pss::DenseUpdateArguments a) {
  update_block<Adagrad, 1>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kDenseUpdateThreads)
    update_adam(const pss::DenseUpdateArguments a) {
  update_block<Adam, 2>(a);
}
