// Squeeze and excitation: see senet.h for the formulas. A warp takes a sample, whose slots come to shared
// memory once and leave it scaled; a lane sums a slot or an inner unit, in order. The backward does the
// forward again. Between samples the block adds their shares of dW1 and dW2, an element a thread, in the
// order of the samples: the same bits every time. Reads B*F*D floats forward and twice that backward, writes
// B*F*D; shared memory is read without bank conflicts, rows being an odd number of floats apart.
#include "ops/senet/senet_kernel.h"

namespace {

using pss::senet_stride;
using pss::SenetArguments;

extern __shared__ float shared_floats[];

// The weights in shared memory: W1 and W2 with odd strides, and in the backward their gradients without.
struct Weights {
  float *first, *second, *dfirst, *dsecond;
};

struct Sample {
  float *e, *z, *s, *a, *dout, *ds, *da;
};

__device__ Weights weights_of(const SenetArguments& a) {
  float* first = shared_floats;
  float* second = first + a.H * senet_stride(a.F);
  float* dfirst = second + a.F * senet_stride(a.H);
  return {first, second, dfirst, dfirst + a.H * a.F};
}

__device__ Sample sample_of(const SenetArguments& a, int warp) {
  const bool backward = a.dout;
  float* e = shared_floats + pss::senet_block_floats(a.F, a.H, backward) +
             warp * pss::senet_warp_floats(a.F, a.D, a.H, backward);
  float* z = e + a.F * senet_stride(a.D);
  float* units = z + 2 * a.F;
  float* dout = units + a.H;
  float* ds = dout + a.F * senet_stride(a.D);
  return {e, z, z + a.F, units, dout, ds, ds + a.F};
}

__device__ void load_weights(const Weights& w, const SenetArguments& a) {
  const int threads = 32 * a.warps;
  for (int n = threadIdx.x; n < a.H * a.F; n += threads) {
    const int h = n / a.F, f = n % a.F;
    w.first[h * senet_stride(a.F) + f] = a.first[h * a.first_ld + f];
  }
  for (int n = threadIdx.x; n < a.F * a.H; n += threads) {
    const int f = n / a.H, h = n % a.H;
    w.second[f * senet_stride(a.H) + h] = a.second[f * a.second_ld + h];
  }
}

// A sample's F*D floats to rows of an odd length.
__device__ void load_sample(float* to, const float* from, const SenetArguments& a) {
  const int gap = senet_stride(a.D) - a.D;
  for (int i = threadIdx.x % 32; i < a.F * a.D; i += 32) to[i + gap * (i / a.by_D)] = from[i];
}

// Calls element(i) with i = lane, lane + 32, ... below n, and lets the other lanes see what came of it.
template <typename Element>
__device__ void for_lanes(int n, const Element& element) {
  for (int i = threadIdx.x % 32; i < n; i += 32) element(i);
  __syncwarp();
}

__device__ void excite(const Sample& x, const Weights& w, const SenetArguments& a) {
  for_lanes(a.F, [&](int f) {
    float sum = 0;
    for (int d = 0; d < a.D; d++) sum += x.e[f * senet_stride(a.D) + d];
    x.z[f] = sum / static_cast<float>(a.D);
  });
  for_lanes(a.H, [&](int h) {
    float sum = 0;
    for (int f = 0; f < a.F; f++) sum = fmaf(w.first[h * senet_stride(a.F) + f], x.z[f], sum);
    x.a[h] = sum < 0 ? 0 : sum;
  });
  for_lanes(a.F, [&](int f) {
    float sum = 0;
    for (int h = 0; h < a.H; h++) sum = fmaf(w.second[f * senet_stride(a.H) + h], x.a[h], sum);
    x.s[f] = sum < 0 ? 0 : sum;
  });
}

// The slots' gradient; leaves z, a, ds and da for those of the weights.
__device__ void backward_sample(float* dslots, const Sample& x, const Weights& w, const SenetArguments& a) {
  const int stride = senet_stride(a.D);
  for_lanes(a.F, [&](int f) {
    float sum = 0;
    for (int d = 0; d < a.D; d++) sum = fmaf(x.dout[f * stride + d], x.e[f * stride + d], sum);
    x.ds[f] = x.s[f] > 0 ? sum : 0;
  });
  for_lanes(a.H, [&](int h) {
    float sum = 0;
    for (int f = 0; f < a.F; f++) sum = fmaf(x.ds[f], w.second[f * senet_stride(a.H) + h], sum);
    x.da[h] = x.a[h] > 0 ? sum : 0;
  });
  // dz/D takes the place of the slots' first column, which nobody needs any more.
  for_lanes(a.F, [&](int f) {
    float sum = 0;
    for (int h = 0; h < a.H; h++) sum = fmaf(x.da[h], w.first[h * senet_stride(a.F) + f], sum);
    x.e[f * stride] = sum / static_cast<float>(a.D);
  });
  for_lanes(a.F * a.D, [&](int i) {
    const int f = i / a.by_D;
    dslots[i] = fmaf(x.s[f], x.dout[i + f * (stride - a.D)], x.e[f * stride]);
  });
}

// Adds what `count` samples leave in their warps' shared memory.
__device__ void add_weight_gradients(const Weights& w, int count, const SenetArguments& a) {
  const int64_t apart = pss::senet_warp_floats(a.F, a.D, a.H, true);
  const Sample first = sample_of(a, 0);
  for (int n = threadIdx.x; n < a.H * a.F; n += 32 * a.warps) {
    const int h = n / a.F, f = n % a.F;
    float by_first = w.dfirst[n], by_second = w.dsecond[n];
    for (int s = 0; s < count; s++) {
      by_first = fmaf(first.da[s * apart + h], first.z[s * apart + f], by_first);
      by_second = fmaf(first.ds[s * apart + f], first.a[s * apart + h], by_second);
    }
    w.dfirst[n] = by_first;
    w.dsecond[n] = by_second;
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(32 * pss::kSenetMostWarps)
    senet_forward(const __grid_constant__ SenetArguments a) {
  const Weights w = weights_of(a);
  const int warp = threadIdx.x / 32;
  const Sample x = sample_of(a, warp);
  load_weights(w, a);
  __syncthreads();
  const int last = min(a.B, (static_cast<int>(blockIdx.x) + 1) * pss::kSenetRows);
  for (int b = blockIdx.x * pss::kSenetRows + warp; b < last; b += a.warps) {
    load_sample(x.e, a.slots + b * a.slots_ld, a);
    __syncwarp();
    excite(x, w, a);
    const int gap = senet_stride(a.D) - a.D;
    for_lanes(a.F * a.D, [&](int i) {
      const int f = i / a.by_D;
      a.out[b * a.out_ld + i] = x.s[f] * x.e[i + gap * f];
    });
  }
}

// Registers for three blocks of a multiprocessor: the compiler's own choice on sm_80, for five, spills.
extern "C" __global__ void __launch_bounds__(32 * pss::kSenetMostWarps, 3)
    senet_backward(const __grid_constant__ SenetArguments a) {
  const Weights w = weights_of(a);
  const int warp = threadIdx.x / 32, threads = 32 * a.warps;
  const Sample x = sample_of(a, warp);
  load_weights(w, a);
  // W1's gradient and W2's have as many elements; each belongs to one thread throughout.
  for (int n = threadIdx.x; n < a.H * a.F; n += threads) w.dfirst[n] = w.dsecond[n] = 0;
  __syncthreads();
  const int last = min(a.B, (static_cast<int>(blockIdx.x) + 1) * pss::kSenetRows);
  for (int b0 = blockIdx.x * pss::kSenetRows; b0 < last; b0 += a.warps) {
    const int b = b0 + warp;
    if (b < last) {
      load_sample(x.e, a.slots + b * a.slots_ld, a);
      load_sample(x.dout, a.dout + b * a.out_ld, a);
      __syncwarp();
      excite(x, w, a);
      backward_sample(a.out + b * a.slots_ld, x, w, a);
    }
    __syncthreads();
    add_weight_gradients(w, min(a.warps, last - b0), a);
    __syncthreads();
  }
  float* first = a.partials + blockIdx.x * (int64_t{a.H} * a.first_ld + int64_t{a.F} * a.second_ld);
  float* second = first + int64_t{a.H} * a.first_ld;
  for (int n = threadIdx.x; n < a.H * a.F; n += threads) {
    first[n / a.F * a.first_ld + n % a.F] = w.dfirst[n];
    // dW2 was summed as [h, f] too, and is stored as [f, h].
    second[n % a.F * a.second_ld + n / a.F] = w.dsecond[n];
  }
}
