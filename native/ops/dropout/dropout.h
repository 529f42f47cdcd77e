// Dropout: while training, y = x kept ? x / (1 - rate) : 0; when predicting, y = x.
//
//   backward  dx = kept ? dy / (1 - rate) : 0
// What is kept depends on (seed, step, layer, element) alone. Elements of a row come in groups of 64: element
// 16*i + j of group g of row b (g < G = ceil(columns / 64)) is kept when word i of
//   philox(key = seed, counter = ((b*G + g)*16 + j, step + (layer + 1) * 2^48))
// is at least rate * 2^32. A bit an element is kept from the forward for the backward.
#pragma once

#include "base/aligned_buffer.h"
#include "ops/cpu_op.h"

namespace pss {

struct DropoutKey {
  uint64_t seed;
  uint64_t stream;     // step and layer
  uint32_t threshold;  // rate * 2^32
};

struct DropoutKernels {
  // Which of 64 elements are kept, a bit each, lowest first; `group` counts from the batch's first element.
  uint64_t (*mask)(uint64_t group, const DropoutKey& key);
  // to[i] = bit i of masks ? from[i] * scale : 0, for the `ld` floats of a row.
  void (*apply)(float* to, const float* from, const uint64_t* masks, float scale, int64_t ld);
};
extern const DropoutKernels kDropoutReference, kDropoutAvx2, kDropoutAvx512;

// Throws ERR_GRAPH unless 0 < rate < 1 and both tensors are padded alike.
void check_dropout(const Tensor& x, double rate, const Tensor& y);
// rate * 2^32.
uint32_t dropout_threshold(double rate);
// 1 / (1 - rate).
float dropout_scale(double rate);
// What a layer adds to the step in the counter; steps stay below 2^48.
uint64_t dropout_stream(uint64_t layer);
// G, groups of 64 elements of a row.
int64_t dropout_groups(const Tensor& x);

class Dropout : public CpuOp {
 public:
  // `last_step` is the last step that drops; 0 for all.
  Dropout(const OpContext& context, const Tensor* x, double rate, uint64_t seed, uint64_t layer,
          int64_t last_step, Tensor* y);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  bool drops(const Batch& batch) const {
    return batch.step > 0 && (last_step_ == 0 || batch.step <= last_step_);
  }
  const Tensor* x_;
  Tensor* y_;
  const DropoutKernels& kernels_;
  DropoutKey key_;
  uint64_t layer_;
  int64_t last_step_;
  float scale_;
  int64_t groups_;  // of a row
  AlignedBuffer<uint64_t> masks_;
};

}  // namespace pss
