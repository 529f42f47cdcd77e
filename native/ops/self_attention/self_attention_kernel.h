// Arguments of self_attention_kernel.cu, and the shared memory that host and device agree on.
#pragma once

#include <cstdint>

namespace pss {

// Attention of some samples between the products with the weights.
struct AttentionArguments {
  float* projected;  // [samples*F, 4A]: q, k, v and r; the backward puts their gradients in their place
  float* y;          // [samples, F, A]
  const float* dy;   // null in the forward pass
  int64_t y_ld;
  int32_t F, heads, dim;
};

// Samples [samples, F, in], rows of a sample `ld` floats apart, and one matrix [samples*F, packed_ld] of
// them.
struct AttentionPackArguments {
  float* slots;
  float* packed;
  int64_t ld, packed_ld;
  int32_t F, in;
};

// [4A, ld] of four weights [A, ld].
struct AttentionJoinArguments {
  const float* weights[4];
  float* joined;
  int64_t size;  // A*ld
};

constexpr int kAttentionThreads = 128;

// Rows of a head's q, k, v and dr, padded to quads, an odd number of them apart; rows of P and dS are an odd
// number of floats apart.
constexpr int attention_row(int dim) {
  return 4 * ((dim + 3) / 4 | 1);
}
constexpr int attention_scores_row(int F) {
  return F | 1;
}
constexpr int64_t attention_shared_floats(int F, int dim, bool backward) {
  const int64_t vectors = int64_t{F} * attention_row(dim), scores = int64_t{F} * attention_scores_row(F);
  return backward ? 4 * vectors + 2 * scores : 3 * vectors + scores;
}

}  // namespace pss
