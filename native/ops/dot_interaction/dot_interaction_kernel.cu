// The dot interaction, with the lookup fused in: dot_interaction.h has the formulas. One block is one sample;
// its vectors come to shared memory by asynchronous copies and are never stored elsewhere. Sums run in an
// order fixed by the shapes.
//
//   interaction_forward_few|many  Gram matrix in tiles of 4 x 4 pairs, one a lane (V <= 28) or up to five;
//   tile
//       (i, j) has the vectors i, i + n, i + 2n, i + 3n and j, j + n, ... with n = ceil(V/4), so that the
//       lanes of a quarter-warp read different banks. The four warps share the floats of D and their sums are
//       added in order. Reads the vectors once, writes D + V*(V-1)/2 floats; V*V*D/2 multiply-adds.
//   interaction_backward          dv = S*v with the symmetric S in shared memory: tiles of 4 vectors x 4
//   floats, a
//       warp's lanes side by side along D, so S is read by broadcast. Reads the vectors and dout once, writes
//       dv; V*V*D multiply-adds.
#include "ops/dot_interaction/dot_interaction_gather.cuh"

namespace {

using pss::InteractionInputs;
using pss::kInteractionThreads;
using pss::quad_at;
using pss::Slice;

constexpr int kWarps = kInteractionThreads / 32;

extern __shared__ float4 shared_quads[];

__device__ float* shared_floats() {
  return reinterpret_cast<float*>(shared_quads);
}

// Row and column of element `index` of a lower triangle, row by row, its diagonal included.
__device__ void triangle_place(int index, int& row, int& column) {
  row = static_cast<int>((sqrtf(8.0f * index + 1) - 1) / 2);
  if (row * (row + 1) / 2 > index) row--;
  if ((row + 1) * (row + 2) / 2 <= index) row++;
  column = index - row * (row + 1) / 2;
}

__device__ float multiply_add(float sum, const float4& x, const float4& y) {
  return fmaf(x.w, y.w, fmaf(x.z, y.z, fmaf(x.y, y.y, fmaf(x.x, y.x, sum))));
}

// Adds the products of a tile's vectors over every fourth quad of the slice.
__device__ void add_tile(float (&sums)[16], const float* vectors, const InteractionInputs& a, int i, int j,
                         int floats) {
  const float* x[4];
  const float* y[4];
#pragma unroll
  for (int r = 0; r < 4; r++) {
    // The last tiles reach behind the last vector; what they make of it isn't stored.
    x[r] = vectors + min(i + r * a.tile_rows, a.V - 1) * a.stride;
    y[r] = vectors + min(j + r * a.tile_rows, a.V - 1) * a.stride;
  }
  for (int d = threadIdx.x / 32 * 4; d < floats; d += 4 * kWarps) {
    float4 columns[4];
#pragma unroll
    for (int c = 0; c < 4; c++) columns[c] = quad_at(y[c] + d);
#pragma unroll
    for (int r = 0; r < 4; r++) {
      const float4 row = quad_at(x[r] + d);
#pragma unroll
      for (int c = 0; c < 4; c++) sums[4 * r + c] = multiply_add(sums[4 * r + c], row, columns[c]);
    }
  }
}

// Puts a tile's sums where its pairs lie in the packed triangle.
__device__ void put_tile(float* pairs, const float (&sums)[16], const InteractionInputs& a, int i, int j) {
#pragma unroll
  for (int r = 0; r < 4; r++) {
#pragma unroll
    for (int c = 0; c < 4; c++) {
      const int x = i + r * a.tile_rows, y = j + c * a.tile_rows;
      const int row = max(x, y), column = min(x, y);
      // On the diagonal a tile meets each pair twice.
      if (row >= a.V || row == column || (i == j && r < c)) continue;
      pairs[row * (row - 1) / 2 + column] = sums[4 * r + c];
    }
  }
}

template <int kTiles>
__device__ void forward(const pss::InteractionForwardArguments& a) {
  const InteractionInputs& in = a.in;
  const int thread = threadIdx.x, lane = thread % 32;
  const int64_t b = blockIdx.x;
  float* out = a.out + b * a.out_ld;
  float* vectors = shared_floats();
  const int tiles = in.tile_rows * (in.tile_rows + 1) / 2;
  float sums[kTiles][16] = {};
  for (int index = 0; index < in.slices; index++) {
    const Slice slice = slice_at(in, index);
    if (slice.floats <= 0) continue;
    __syncthreads();
    gather_slice(vectors, in, b, slice);
    pss::wait_for_copies<0>();
    __syncthreads();
    for (int i = thread; i < slice.floats; i += kInteractionThreads) out[slice.first + i] = vectors[i];
#pragma unroll
    for (int k = 0; k < kTiles; k++) {
      int i, j;
      triangle_place(min(32 * k + lane, tiles - 1), i, j);
      add_tile(sums[k], vectors, in, i, j, slice.floats);
    }
  }
  const int pairs = in.V * (in.V - 1) / 2;
  float* parts = vectors;
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kTiles; k++) {
    int i, j;
    triangle_place(min(32 * k + lane, tiles - 1), i, j);
    if (32 * k + lane < tiles) put_tile(parts + thread / 32 * pairs, sums[k], in, i, j);
  }
  __syncthreads();
  for (int p = thread; p < pairs; p += kInteractionThreads) {
    float sum = 0;
#pragma unroll
    for (int warp = 0; warp < kWarps; warp++) sum += parts[warp * pairs + p];
    out[in.addressing.D + p] = sum;
  }
}

// The symmetric matrix of pair gradients, rows 4*tile_rows apart, zeros on the diagonal and behind V.
__device__ void load_pair_gradients(float* matrix, const float* dpairs, const InteractionInputs& a) {
  const int width = 4 * a.tile_rows;
  for (int i = threadIdx.x; i < a.V * width; i += kInteractionThreads) {
    const int row = i / width, column = i % width;
    if (row == column || column >= a.V) matrix[i] = 0;
  }
  for (int p = threadIdx.x; p < a.V * (a.V - 1) / 2; p += kInteractionThreads) {
    int row, column;
    triangle_place(p, row, column);
    row++;
    matrix[row * width + column] = matrix[column * width + row] = dpairs[p];
  }
}

// The first min(4, left) floats.
__device__ void store_quad(float* to, const float4& value, int left, bool whole) {
  if (whole) {
    *reinterpret_cast<float4*>(to) = value;
    return;
  }
  if (left > 0) to[0] = value.x;
  if (left > 1) to[1] = value.y;
  if (left > 2) to[2] = value.z;
  if (left > 3) to[3] = value.w;
}

__device__ void add_scaled(float4& sum, float weight, const float4& v) {
  sum = {fmaf(weight, v.x, sum.x), fmaf(weight, v.y, sum.y), fmaf(weight, v.z, sum.z),
         fmaf(weight, v.w, sum.w)};
}

// Row i of dv, from float `place` of D on.
__device__ void store_gradient(const pss::InteractionBackwardArguments& a, int64_t b, int i, int place,
                               float4 value, int left) {
  if (i >= a.in.V) return;
  if (i > 0) {
    float* to = a.dslots + b * a.dslots_ld + (i - 1) * a.in.addressing.D + place;
    if (a.dslots) store_quad(to, value, left, a.in.whole_quads);
    return;
  }
  if (!a.dbottom) return;
  const float* dout = a.dout + b * a.dout_ld + place;
  if (a.in.whole_quads) {
    add_scaled(value, 1, quad_at(dout));
  } else {
    value.x += dout[0];
    if (left > 1) value.y += dout[1];
    if (left > 2) value.z += dout[2];
    if (left > 3) value.w += dout[3];
  }
  store_quad(a.dbottom + b * a.in.bottom_ld + place, value, left, a.in.whole_quads);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kInteractionThreads)
    interaction_forward_few(const __grid_constant__ pss::InteractionForwardArguments a) {
  forward<1>(a);
}

extern "C" __global__ void __launch_bounds__(kInteractionThreads)
    interaction_forward_many(const __grid_constant__ pss::InteractionForwardArguments a) {
  forward<5>(a);
}

// Registers for seven blocks of a multiprocessor: the compiler's own choice on sm_80, for eight, spills.
extern "C" __global__ void __launch_bounds__(kInteractionThreads, 7)
    interaction_backward(const __grid_constant__ pss::InteractionBackwardArguments a) {
  const InteractionInputs& in = a.in;
  const int64_t b = blockIdx.x;
  float* vectors = shared_floats();
  float* matrix = vectors + in.V * in.stride;
  const int width = 4 * in.tile_rows;
  for (int index = 0; index < in.slices; index++) {
    const Slice slice = slice_at(in, index);
    if (slice.floats <= 0) continue;
    if (index > 0) __syncthreads();
    gather_slice(vectors, in, b, slice);
    if (index == 0) load_pair_gradients(matrix, a.dout + b * a.dout_ld + in.addressing.D, in);
    pss::wait_for_copies<0>();
    __syncthreads();
    const int quads = (slice.floats + 3) / 4;
    for (int item = threadIdx.x; item < in.tile_rows * quads; item += kInteractionThreads) {
      const int i = item / quads * 4, d = item % quads * 4;
      float4 sums[4] = {};
      for (int j = 0; j < in.V; j++) {
        const float4 weights = quad_at(matrix + j * width + i), v = quad_at(vectors + j * in.stride + d);
        add_scaled(sums[0], weights.x, v);
        add_scaled(sums[1], weights.y, v);
        add_scaled(sums[2], weights.z, v);
        add_scaled(sums[3], weights.w, v);
      }
#pragma unroll
      for (int r = 0; r < 4; r++) {
        store_gradient(a, b, i + r, slice.first + d, sums[r], slice.floats - d);
      }
    }
  }
}
