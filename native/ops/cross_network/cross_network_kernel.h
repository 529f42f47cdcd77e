// Arguments of cross_network_kernel.cu. Rows of x, weights and their likes are ld floats apart, of which K
// count.
#pragma once

#include <cstdint>

namespace pss {

// The layers' weights, and what is made of them once a step.
struct CrossLayers {
  const float* weights;  // [L, ld]
  const float* biases;   // [L, ld]
  float* bias_sums;      // [L + 1, ld]: row l is b_0 + ... + b_{l-1}
  float* offsets;        // [L]: bias_sums_l . w_l
  int64_t ld;
  int32_t L, K;
};

// Of a row and layer: x_0 . w_l and f_l.
struct CrossFactor {
  float product, factor;
};

struct CrossForwardArguments {
  float* out;
  CrossFactor* factors;  // [B, L]; null without training
  const float* x;
  CrossLayers layers;
  int32_t B;
};

// Of a row and layer: ds_l, and that times f_l.
struct CrossSlope {
  float slope, scaled;
};

struct CrossBackwardArguments {
  float* dx;           // null where nobody wants it
  CrossSlope* slopes;  // [B, L]
  float* partials;     // [blocks of rows, L + 1, ld]: sums of dout, and of x * scaled_l for each l
  float* dweights;     // [L, ld]
  float* dbiases;      // [L, ld]
  const float* dout;
  const float* x;
  const CrossFactor* factors;
  CrossLayers layers;
  int32_t B;
  int32_t row_blocks;
};

constexpr int kCrossThreads = 256;
constexpr int kCrossRows = 64;      // of a block that sums columns
constexpr int kCrossColumns = 128;  // likewise: four a lane
constexpr int kCrossSums = 4;       // of the L + 1 sums of a column, at once
constexpr int kCrossGradientThreads = 128;

}  // namespace pss
