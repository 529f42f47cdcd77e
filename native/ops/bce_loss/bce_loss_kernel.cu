// Mean binary cross-entropy with logits and its gradient in one pass: see bce_loss.h for the formula.
//
//   bce_terms   one thread a row, float64 terms as on the CPU; a block's 256 terms are summed in a fixed
//   tree.
//               9 bytes a row read, 4 written.
//   bce_finish  one warp: the blocks' sums, 32 interleaved parts in order, then a fixed tree. Sets `halted`
//   when the
//               loss isn't finite, so that no later kernel of the step, or step, changes a parameter.
#include "ops/bce_loss/bce_loss_kernel.h"

namespace {

constexpr unsigned kFull = 0xffffffffu;

// Lane 0's result is the sum over the warp, always in the same order.
__device__ double warp_sum(double value) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_down_sync(kFull, value, offset);
  return value;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kBceThreads) bce_terms(const pss::BceTermsArguments a) {
  __shared__ double warp_sums[pss::kBceThreads / 32];
  const int b = blockIdx.x * pss::kBceThreads + threadIdx.x;
  double term = 0;
  if (b < a.B) {
    const double x = a.logits[b], y = a.labels[b];
    const double e = exp(-fabs(x));
    term = fmax(x, 0.0) - x * y + log1p(e);
    if (a.dlogits)
      a.dlogits[b] = static_cast<float>(((x >= 0 ? 1 / (1 + e) : e / (1 + e)) - y) * (1.0 / a.B));
  }
  term = warp_sum(term);
  if (threadIdx.x % 32 == 0) warp_sums[threadIdx.x / 32] = term;
  __syncthreads();
  if (threadIdx.x != 0) return;
  double sum = 0;
  for (const double part : warp_sums) sum += part;
  a.sums[blockIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(32) bce_finish(const pss::BceFinishArguments a) {
  double sum = 0;
  for (int block = threadIdx.x; block < a.blocks; block += 32) sum += a.sums[block];
  sum = warp_sum(sum);
  if (threadIdx.x != 0) return;
  const double loss = sum / a.B;
  a.losses[a.control->loss_index] = loss;
  if (!isfinite(loss)) a.control->halted = 1;
}
