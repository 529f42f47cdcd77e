// Self-attention over slots, but for its products with weights, which are backend/cuda/gemm.h's: see
// self_attention.h for the formulas.
//
//   attention_forward, _backward  a block takes a head of a sample, whose q, k, v and P (and dr and dS) lie
//   in
//                                 shared memory. The backward makes P again and stores the gradients where q,
//                                 k, v and r were
//   attention_pack, _unpack       slots as one matrix [samples*F, in], where samples are padded
//   attention_join                the four weights as one matrix, once a step
// Scores are 2x2 elements a thread, over quads of dim; weighted sums are two rows of a quad. Every sum has
// one owner and runs in a fixed order. Reads 16*F*A bytes a sample forward and 20*F*A backward, writes 4*F*A
// and 16*F*A; 4*F*F*A flops forward, 10*F*F*A backward.
#include "ops/self_attention/self_attention_kernel.h"

namespace {

using pss::attention_row;
using pss::attention_scores_row;
using pss::AttentionArguments;
using pss::kAttentionThreads;

constexpr unsigned kFull = 0xffffffffu;
constexpr int kWarps = kAttentionThreads / 32;

extern __shared__ __align__(16) float shared_floats[];

// A head of a sample.
struct Head {
  int F, dim, quads, row, scores_row;
  int64_t first, ld;  // of its q among the sample's rows: q, k, v, r are A floats apart
  int A;
};

__device__ Head head_of(const AttentionArguments& a) {
  const int A = a.heads * a.dim;
  return {a.F,
          a.dim,
          (a.dim + 3) / 4,
          attention_row(a.dim),
          attention_scores_row(a.F),
          int64_t{blockIdx.x} * a.F * 4 * A + blockIdx.y * a.dim,
          4 * A,
          A};
}

// Calls element(f, i) for i < 4*quads of every slot f: a warp a slot.
template <typename Element>
__device__ void for_elements(const Head& head, const Element& element) {
  for (int f = threadIdx.x / 32; f < head.F; f += kWarps) {
    for (int i = threadIdx.x % 32; i < 4 * head.quads; i += 32) element(f, i);
  }
}

// One of q, k, v (part 0, 1, 2), padded with zeros.
__device__ void load_part(float* to, const float* projected, int part, const Head& head) {
  const float* from = projected + head.first + part * head.A;
  for_elements(head, [&](int f, int i) { to[f * head.row + i] = i < head.dim ? from[f * head.ld + i] : 0; });
}

__device__ float dot_quad(const float4& x, const float4& y, float sum) {
  return fmaf(x.w, y.w, fmaf(x.z, y.z, fmaf(x.y, y.y, fmaf(x.x, y.x, sum))));
}

// scores[f, g] = x_f . y_g
__device__ void multiply_rows(float* scores, const float* x, const float* y, const Head& head) {
  const int half = (head.F + 1) / 2;
  for (int n = threadIdx.x; n < half * half; n += kAttentionThreads) {
    const int f0 = n / half, f1 = min(f0 + half, head.F - 1), g0 = n % half, g1 = min(g0 + half, head.F - 1);
    float sum00 = 0, sum01 = 0, sum10 = 0, sum11 = 0;
    for (int quad = 0; quad < head.quads; quad++) {
      const auto at = [&](const float* rows, int row) {
        return *reinterpret_cast<const float4*>(rows + row * head.row + 4 * quad);
      };
      const float4 x0 = at(x, f0), x1 = at(x, f1), y0 = at(y, g0), y1 = at(y, g1);
      sum00 = dot_quad(x0, y0, sum00);
      sum01 = dot_quad(x0, y1, sum01);
      sum10 = dot_quad(x1, y0, sum10);
      sum11 = dot_quad(x1, y1, sum11);
    }
    const bool two_rows = f0 + half < head.F, two_columns = g0 + half < head.F;
    scores[f0 * head.scores_row + g0] = sum00;
    if (two_columns) scores[f0 * head.scores_row + g1] = sum01;
    if (two_rows) scores[f1 * head.scores_row + g0] = sum10;
    if (two_rows && two_columns) scores[f1 * head.scores_row + g1] = sum11;
  }
  __syncthreads();
}

// Calls store(row f, first of four columns, their sums) with sum over g of w(f, g) * v_g, where w(f, g) lies
// at f*row_step + g*step.
template <typename Store>
__device__ void weighted_sums(const float* w, int row_step, int step, const float* v, const Head& head,
                              const Store& store) {
  const int half = (head.F + 1) / 2;
  for (int n = threadIdx.x; n < half * head.quads; n += kAttentionThreads) {
    const int quad = n % head.quads, f0 = n / head.quads, f1 = min(f0 + half, head.F - 1);
    float4 sum0{}, sum1{};
    for (int g = 0; g < head.F; g++) {
      const float4 x = *reinterpret_cast<const float4*>(v + g * head.row + 4 * quad);
      const float w0 = w[f0 * row_step + g * step], w1 = w[f1 * row_step + g * step];
      sum0 = {fmaf(w0, x.x, sum0.x), fmaf(w0, x.y, sum0.y), fmaf(w0, x.z, sum0.z), fmaf(w0, x.w, sum0.w)};
      sum1 = {fmaf(w1, x.x, sum1.x), fmaf(w1, x.y, sum1.y), fmaf(w1, x.z, sum1.z), fmaf(w1, x.w, sum1.w)};
    }
    store(f0, 4 * quad, sum0);
    if (f0 + half < head.F) store(f1, 4 * quad, sum1);
  }
}

// Four neighbours, of which min(4, left) are there; whole quads are aligned where every head has whole ones.
// The explicit store keeps the compiler from merging it with the others, float by float.
__device__ void store_quad(float* to, const float4& value, int left, bool aligned) {
  if (aligned) return __stcg(reinterpret_cast<float4*>(to), value);
  if (left > 0) to[0] = value.x;
  if (left > 1) to[1] = value.y;
  if (left > 2) to[2] = value.z;
  if (left > 3) to[3] = value.w;
}

__device__ float4 load_quad(const float* from, int left, bool aligned) {
  if (aligned) return __ldcg(reinterpret_cast<const float4*>(from));
  return {from[0], left > 1 ? from[1] : 0, left > 2 ? from[2] : 0, left > 3 ? from[3] : 0};
}

__device__ float sum_of_lanes(float value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kFull, value, lanes);
  return value;
}

// Rows of scores to probabilities, a warp a row.
__device__ void softmax(float* scores, const Head& head) {
  for (int f = threadIdx.x / 32; f < head.F; f += kWarps) {
    float* row = scores + f * head.scores_row;
    float most = -INFINITY;
    for (int g = threadIdx.x % 32; g < head.F; g += 32) most = fmaxf(most, row[g]);
    for (int lanes = 16; lanes > 0; lanes /= 2) most = fmaxf(most, __shfl_xor_sync(kFull, most, lanes));
    float sum = 0;
    for (int g = threadIdx.x % 32; g < head.F; g += 32) sum += row[g] = expf(row[g] - most);
    sum = sum_of_lanes(sum);
    for (int g = threadIdx.x % 32; g < head.F; g += 32) row[g] /= sum;
  }
  __syncthreads();
}

// dS = P * (dP - sum over g of P * dP), in place of dP.
__device__ void softmax_backward(float* dp, const float* p, const Head& head) {
  for (int f = threadIdx.x / 32; f < head.F; f += kWarps) {
    const int first = f * head.scores_row;
    float sum = 0;
    for (int g = threadIdx.x % 32; g < head.F; g += 32) sum = fmaf(p[first + g], dp[first + g], sum);
    sum = sum_of_lanes(sum);
    for (int g = threadIdx.x % 32; g < head.F; g += 32) dp[first + g] = p[first + g] * (dp[first + g] - sum);
  }
  __syncthreads();
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kAttentionThreads)
    attention_forward(const __grid_constant__ AttentionArguments a) {
  const Head head = head_of(a);
  float *q = shared_floats, *k = q + head.F * head.row, *v = k + head.F * head.row;
  float* p = v + head.F * head.row;
  load_part(q, a.projected, 0, head);
  load_part(k, a.projected, 1, head);
  load_part(v, a.projected, 2, head);
  __syncthreads();
  multiply_rows(p, q, k, head);
  softmax(p, head);
  const float* r = a.projected + head.first + 3 * head.A;
  float* y = a.y + blockIdx.x * a.y_ld + blockIdx.y * a.dim;
  const bool aligned = a.dim % 4 == 0;
  const auto relu = [](float value) { return value < 0 ? 0 : value; };
  weighted_sums(p, head.scores_row, 1, v, head, [&](int f, int i, const float4& sum) {
    const int left = head.dim - i;
    const float4 added = load_quad(r + f * head.ld + i, left, aligned);
    store_quad(y + f * head.A + i,
               {relu(sum.x + added.x), relu(sum.y + added.y), relu(sum.z + added.z), relu(sum.w + added.w)},
               left, aligned);
  });
}

extern "C" __global__ void __launch_bounds__(kAttentionThreads)
    attention_backward(const __grid_constant__ AttentionArguments a) {
  const Head head = head_of(a);
  const int vectors = head.F * head.row;
  float *q = shared_floats, *k = q + vectors, *v = k + vectors, *dr = v + vectors;
  float *p = dr + vectors, *ds = p + head.F * head.scores_row;
  load_part(q, a.projected, 0, head);
  load_part(k, a.projected, 1, head);
  load_part(v, a.projected, 2, head);
  float* gradients = a.projected + head.first;
  const int64_t out = blockIdx.x * a.y_ld + blockIdx.y * a.dim;
  for_elements(head, [&](int f, int i) {
    const int64_t at = out + f * head.A + min(i, head.dim - 1);
    const float value = a.y[at], above = a.dy[at];
    const float gradient = value > 0 && i < head.dim ? above : 0;
    dr[f * head.row + i] = gradient;
    if (i < head.dim) gradients[f * head.ld + 3 * head.A + i] = gradient;
  });
  __syncthreads();
  multiply_rows(p, q, k, head);
  softmax(p, head);
  multiply_rows(ds, dr, v, head);
  softmax_backward(ds, p, head);
  const bool aligned = a.dim % 4 == 0;
  const auto store_part = [&](int part) {
    return [=](int f, int i, const float4& sum) {
      store_quad(gradients + f * head.ld + part * head.A + i, sum, head.dim - i, aligned);
    };
  };
  weighted_sums(ds, head.scores_row, 1, k, head, store_part(0));
  weighted_sums(ds, 1, head.scores_row, q, head, store_part(1));
  weighted_sums(p, 1, head.scores_row, dr, head, store_part(2));
}

// A block a sample.
extern "C" __global__ void __launch_bounds__(kAttentionThreads)
    attention_pack(const __grid_constant__ pss::AttentionPackArguments a) {
  for (int i = threadIdx.x; i < a.F * a.in; i += kAttentionThreads) {
    const int64_t row = int64_t{blockIdx.x} * a.F + i / a.in;
    a.packed[row * a.packed_ld + i % a.in] = a.slots[blockIdx.x * a.ld + i];
  }
}

extern "C" __global__ void __launch_bounds__(kAttentionThreads)
    attention_unpack(const __grid_constant__ pss::AttentionPackArguments a) {
  for (int i = threadIdx.x; i < a.F * a.in; i += kAttentionThreads) {
    const int64_t row = int64_t{blockIdx.x} * a.F + i / a.in;
    a.slots[blockIdx.x * a.ld + i] = a.packed[row * a.packed_ld + i % a.in];
  }
}

extern "C" __global__ void __launch_bounds__(kAttentionThreads)
    attention_join(const __grid_constant__ pss::AttentionJoinArguments a) {
  const int64_t i = int64_t{blockIdx.x} * kAttentionThreads + threadIdx.x;
  if (i < a.size) a.joined[blockIdx.y * a.size + i] = a.weights[blockIdx.y][i];
}
