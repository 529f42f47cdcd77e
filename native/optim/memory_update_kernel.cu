// The optimizer over all of M under a dense gradient of |M| floats, which it leaves zero for the next step.
//
//   memory_sgd|adagrad|adam   four floats a thread; bytes a float: sgd 16, adagrad 24, adam 32
//   memory_rowwise_adagrad    one warp a row; 16 bytes a float and 8 a row
// Each float is one thread's own: the same bits every time. Nothing changes once a loss wasn't finite.
#include "optim/touched.cuh"

namespace {

using pss::kMemoryThreads;
using pss::MemoryUpdateArguments;

template <typename Rule>
__device__ void update_all(const MemoryUpdateArguments& a) {
  const pss::MemoryTarget& target = a.target;
  const pss::StepControl control = *target.control;
  const int64_t i = 4 * (int64_t{blockIdx.x} * kMemoryThreads + threadIdx.x);
  if (control.halted || i >= target.floats) return;
  if (i + 4 <= target.floats) {
    float4* gradient = reinterpret_cast<float4*>(target.gradient + i);
    pss::update_quad<Rule>(target.memory, *gradient, target.state0, target.state1, i, target.l2,
                           target.constants, control);
    *gradient = float4{};
    return;
  }
  for (int64_t k = i; k < target.floats; k++) {
    pss::update_one<Rule>(target.memory, target.gradient[k], target.state0, target.state1, k, target.l2,
                          target.constants, control);
    target.gradient[k] = 0;
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kMemoryThreads)
    memory_sgd(const __grid_constant__ MemoryUpdateArguments a) {
  update_all<pss::Sgd>(a);
}

extern "C" __global__ void __launch_bounds__(kMemoryThreads)
    memory_adagrad(const __grid_constant__ MemoryUpdateArguments a) {
  update_all<pss::Adagrad>(a);
}

// Registers for five blocks of a multiprocessor: the compiler's own choice on sm_80, for six, spills.
extern "C" __global__ void __launch_bounds__(kMemoryThreads, 5)
    memory_adam(const __grid_constant__ MemoryUpdateArguments a) {
  update_all<pss::Adam>(a);
}

extern "C" __global__ void __launch_bounds__(kMemoryThreads)
    memory_rowwise_adagrad(const __grid_constant__ MemoryUpdateArguments a) {
  const int64_t row = int64_t{blockIdx.x} * (kMemoryThreads / 32) + threadIdx.x / 32;
  const int64_t place = row * a.target.row_floats;
  if (a.target.control->halted || place >= a.target.floats) return;
  const int n = static_cast<int>(min(static_cast<int64_t>(a.target.row_floats), a.target.floats - place));
  pss::update_row(a.target, a.target.gradient + place, row, n, a.target.control->learning_rate, 0);
}
