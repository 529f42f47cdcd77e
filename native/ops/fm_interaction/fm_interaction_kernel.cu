// Second order of a factorization machine: see fm_interaction.h. A warp takes a sample; its lanes lie along
// D, four floats (quads) or one each, several slots side by side where D is short, so that every access is of
// whole sectors. Sums over slots go by lane groups, which shuffles add in a fixed tree: the same bits every
// time.
//
//   fm_forward   reads the slots once; writes s for the backward, 1/F of that
//   fm_backward  elementwise: reads slots and s once, writes dslots
#include "backend/cuda/quad.cuh"
#include "ops/fm_interaction/fm_interaction_kernel.h"

namespace {

constexpr unsigned kFull = 0xffffffffu;

// Four floats of a slot, or one in x.
template <bool kQuads>
__device__ float4 load(const float* from) {
  if (kQuads) return pss::load4(from);
  return {*from, 0, 0, 0};
}

template <bool kQuads>
__device__ void store(float* to, const float4& value) {
  if (kQuads) {
    pss::store4(to, value, 4);
  } else {
    *to = value.x;
  }
}

__device__ void add_squares(float4& to, const float4& e) {
  to = {fmaf(e.x, e.x, to.x), fmaf(e.y, e.y, to.y), fmaf(e.z, e.z, to.z), fmaf(e.w, e.w, to.w)};
}

__device__ float4 add_lanes(float4 sum, int offset) {
  sum.x += __shfl_xor_sync(kFull, sum.x, offset);
  sum.y += __shfl_xor_sync(kFull, sum.y, offset);
  sum.z += __shfl_xor_sync(kFull, sum.z, offset);
  sum.w += __shfl_xor_sync(kFull, sum.w, offset);
  return sum;
}

// Which sample a warp has, and which floats of which slots a lane.
struct LanePlace {
  int b, first_slot, slots_at_once, first_float, step;
};

template <bool kQuads>
__device__ LanePlace lane_place(int lanes_log2) {
  constexpr int kFloats = kQuads ? 4 : 1;
  const int lane = threadIdx.x % 32, lanes = 1 << lanes_log2;
  return {static_cast<int>(blockIdx.x * (pss::kFmThreads / 32) + threadIdx.x / 32), lane >> lanes_log2,
          32 >> lanes_log2, kFloats * (lane % lanes), kFloats * lanes};
}

template <bool kQuads>
__device__ void forward(const pss::FmArguments& a) {
  const LanePlace at = lane_place<kQuads>(a.lanes_log2);
  if (at.b >= a.B) return;
  const float* slots = a.slots + at.b * a.slots_ld;
  float out = 0;
  for (int block = 0; block < a.D; block += at.step) {
    const int d = block + at.first_float;
    float4 sum{}, squares{};
    for (int f = at.first_slot; f < a.F && d < a.D; f += at.slots_at_once) {
      const float4 e = load<kQuads>(slots + static_cast<int64_t>(f) * a.D + d);
      pss::add4(sum, e);
      add_squares(squares, e);
    }
    for (int offset = 16; offset >> a.lanes_log2 > 0; offset /= 2) {
      sum = add_lanes(sum, offset);
      squares = add_lanes(squares, offset);
    }
    if (at.first_slot != 0 || d >= a.D) continue;
    if (a.sums) store<kQuads>(a.sums + static_cast<int64_t>(at.b) * a.D + d, sum);
    out += sum.x * sum.x - squares.x;
    out += sum.y * sum.y - squares.y;
    out += sum.z * sum.z - squares.z;
    out += sum.w * sum.w - squares.w;
  }
  for (int offset = 16; offset > 0; offset /= 2) out += __shfl_xor_sync(kFull, out, offset);
  if (threadIdx.x % 32 == 0) a.out[at.b] = out / 2;
}

template <bool kQuads>
__device__ void backward(const pss::FmBackwardArguments& a) {
  const LanePlace at = lane_place<kQuads>(a.lanes_log2);
  if (at.b >= a.B) return;
  const float dout = a.dout[at.b];
  for (int d = at.first_float; d < a.D; d += at.step) {
    const float4 sum = load<kQuads>(a.sums + static_cast<int64_t>(at.b) * a.D + d);
    for (int f = at.first_slot; f < a.F; f += at.slots_at_once) {
      const int64_t i = at.b * a.slots_ld + static_cast<int64_t>(f) * a.D + d;
      const float4 e = load<kQuads>(a.slots + i);
      store<kQuads>(a.dslots + i,
                    {dout * (sum.x - e.x), dout * (sum.y - e.y), dout * (sum.z - e.z), dout * (sum.w - e.w)});
    }
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kFmThreads) fm_forward_quads(const pss::FmArguments a) {
  forward<true>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kFmThreads) fm_forward_floats(const pss::FmArguments a) {
  forward<false>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kFmThreads)
    fm_backward_quads(const pss::FmBackwardArguments a) {
  backward<true>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kFmThreads)
    fm_backward_floats(const pss::FmBackwardArguments a) {
  backward<false>(a);
}
