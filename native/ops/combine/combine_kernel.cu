// Combines the vectors of every slot: see combine.h. A warp takes a slot, its lanes the floats; each lane
// hashes the signs of one or two vectors, and the others ask it. Rounded as on the CPU: the same bits. Reads
// l vectors and writes one forward; backward reads l + 1 (one for sums) and writes l.
#include "ops/combine/combine_kernel.h"
#include "ops/embedding/mix64.h"

namespace {

using pss::CombineArguments;
using pss::CombineKind;

constexpr unsigned kFull = 0xffffffffu;

// The a_c of vectors `lane` and `lane + 32` of a slot.
struct Signs {
  float low = 1, high = 1;
  __device__ float of(int c) const {
    const float from_low = __shfl_sync(kFull, low, c % 32), from_high = __shfl_sync(kFull, high, c % 32);
    return c < 32 ? from_low : from_high;
  }
};

__device__ Signs slot_signs(const CombineArguments& a, int b, int f) {
  Signs signs;
  if (a.kind != CombineKind::kSignedSum) return signs;
  const int lane = threadIdx.x % 32, column = a.columns[f];
  const uint64_t key = pss::mix64_table_key(a.hash_seed, column);
  const uint32_t id = a.ids[static_cast<int64_t>(b) * a.id_columns + column];
  signs.low = pss::mix64_hash(key, id, lane) & 1 ? -a.scale : a.scale;
  signs.high = pss::mix64_hash(key, id, lane + 32) & 1 ? -a.scale : a.scale;
  return signs;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kCombineThreads)
    combine_forward(const __grid_constant__ CombineArguments a) {
  const int lookup = blockIdx.x * (pss::kCombineThreads / 32) + threadIdx.x / 32;
  if (lookup >= a.lookups) return;
  const int b = lookup / a.slots, f = lookup % a.slots;
  const Signs signs = slot_signs(a, b, f);
  const float* in = a.in + b * a.in_ld + static_cast<int64_t>(f) * a.l * a.D;
  float* out = a.out + b * a.out_ld + static_cast<int64_t>(f) * a.D;
  const bool is_signed = a.kind == CombineKind::kSignedSum, is_product = a.kind == CombineKind::kProduct;
  for (int first = 0; first < a.D; first += 32) {
    const int i = first + threadIdx.x % 32;
    const bool there = i < a.D;
    float value = 0;
    for (int c = 0; c < a.l; c++) {
      const float sign = is_signed ? signs.of(c) : 1;
      float next = there ? in[static_cast<int64_t>(c) * a.D + i] : 0;
      if (is_signed) next = sign * next;
      value = c == 0 ? next : is_product ? value * next : value + next;
    }
    if (there) out[i] = value;
  }
}

// Registers for five blocks of a multiprocessor: the compiler's own choice on sm_90, for eight, spills.
extern "C" __global__ void __launch_bounds__(pss::kCombineThreads, 5)
    combine_backward(const __grid_constant__ CombineArguments a) {
  const int lookup = blockIdx.x * (pss::kCombineThreads / 32) + threadIdx.x / 32;
  if (lookup >= a.lookups) return;
  const int b = lookup / a.slots, f = lookup % a.slots;
  const Signs signs = slot_signs(a, b, f);
  const int64_t row = b * a.in_ld + static_cast<int64_t>(f) * a.l * a.D;
  const float* dout = a.out + b * a.out_ld + static_cast<int64_t>(f) * a.D;
  for (int first = 0; first < a.D; first += 32) {
    const int i = first + threadIdx.x % 32;
    const bool there = i < a.D;
    const float gradient = there ? dout[i] : 0;
    for (int c = 0; c < a.l; c++) {
      float own = a.kind == CombineKind::kSignedSum ? signs.of(c) * gradient : gradient;
      for (int other = 0; a.kind == CombineKind::kProduct && other < a.l; other++) {
        if (other != c && there) own *= a.in[row + static_cast<int64_t>(other) * a.D + i];
      }
      if (there) a.din[row + static_cast<int64_t>(c) * a.D + i] = own;
    }
  }
}
