// The layers of an MLP in 8-bit integers, one after the other, for prediction. All are ReLU.
//
// What a layer reads gets 8 bits without sign by a calibrated scale of each column; the first layer's inputs,
// which may be negative, by a zero of each column too.
//
//   q[b, k]  = round(clamp(x[b, k] / input_scale[k] + input_zero[k], 0, 255))
//   for every layer W [N, K], bias [N], whose inputs have scale[k] and zero[k] (0 but in the first):
//     w8[n, k]  = round(W[n, k] * scale[k] / row_scale[n]), row_scale[n] = max_k |W[n, k] * scale[k]| / 127
//     sum[b, n] = sum_k w8[n, k] * (q[b, k] - zero[k])              (32-bit integers: exact)
//     y[b, n]   = sum[b, n] * (row_scale[n] / out_scale[n]) + bias[n] / out_scale[n]
//     of all layers but the last, out_scale the next one's scale:  q[b, n] = round(clamp(y[b, n], 0, 255))
//     of the last, out_scale = 1:                y[b, n] = max(y[b, n], 0), rounded as its tensor holds it
//
// A column of scale 0 is left out: its bytes and its weights are 0.
//
// round is to the nearest, ties to even; what isn't a number becomes 0. All floats are float32, x / scale is
// x * (1 / scale), and each operation is rounded, so that every instruction set gives the same bits from the
// same inputs. A layer takes at most 66,311 inputs, beyond which a sum might not fit. Operations: 2*B*N*K a
// layer.
#pragma once

#include <vector>

#include "ops/cpu_op.h"
#include "ops/quantized_mlp/quantized_layer.h"
#include "ops/quantized_mlp/quantized_mlp_kernels.h"

namespace pss {

// What calibration found; see above.
struct QuantizedMlpSpec {
  std::vector<float> input_scale, input_zero;  // [K of the first layer]
  std::vector<float> hidden_scale;  // [outputs of the first layer], then of the others but the last
};

// The definition, for rows [first, last). q [rows, q_ld] begins with row `first`.
void quantize_rows_ref(uint8_t* q, int64_t q_ld, const Matrix& x, int64_t first, int64_t last,
                       const InputFormat& format);
// From row 0 of q [rows, q_ld] to row 0 of y: sums as above, scaled, ReLU.
void quantized_layer_to_bytes_ref(uint8_t* y, int64_t y_ld, const uint8_t* q, int64_t q_ld, int64_t rows,
                                  const QuantizedLayer& layer);
// Likewise, to rows [first, last) of y.
void quantized_layer_to_floats_ref(const Matrix& y, int64_t first, int64_t last, const uint8_t* q,
                                   int64_t q_ld, const QuantizedLayer& layer);

class QuantizedMlp : public CpuOp {
 public:
  // `parameters` are the weight and the bias of each layer in turn. Throws ERR_PRECISION for an engine that
  // trains, ERR_GRAPH when shapes don't fit.
  QuantizedMlp(const OpContext& context, const QuantizedMlpSpec& spec, const Tensor* x,
               const std::vector<const Parameter*>& parameters, Tensor* y);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t B) override;
  void run_task(Stage stage, int64_t B, int64_t task) override;
  void parameters_changed() override { packed_ = false; }
  const char* implementation() const override { return kernels_ ? kernels_->name : "reference"; }

 private:
  struct Task {
    size_t layer;
    int64_t panel;
  };
  // Rows [first, last), few enough for the scratch buffers.
  void run_part(int64_t first, int64_t last);

  const Tensor* x_;
  Tensor* y_;
  InputFormat input_;
  std::vector<QuantizedLayer> layers_;
  std::vector<Task> pack_tasks_;
  const QuantizedMlpKernels* kernels_;  // null for the reference
  bool packed_ = false;
  int64_t row_bytes_;             // of a row of the widest input
  AlignedBuffer<uint8_t> bytes_;  // [thread, 2, kRowsOfPart, row_bytes_]: a layer's input and its output
};

}  // namespace pss
