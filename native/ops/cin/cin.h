// xDeepFM's compressed interaction network over slots e [B, F, D]. For each component d on its own:
//
//   h_{-1} = e;  z_l[h*F + m] = h_{l-1}[h] * e[m];  h_l = relu(W_l z_l + b_l)          W_l [N_l, H_l*F]
//   of every layer but the last, maps 0 .. N_l/2 go on (they are H_{l+1}) and the others go out; of the last,
//   all go out.  out[b] = the maps that go out, layer by layer, each summed over d backward  dh_l = (h_l > 0)
//   * (dout, or the next layer's dh);  db_l = sum dh_l;  dW_l = sum dh_l z_l^T
//             dz_l = W_l^T dh_l;  dh_{l-1}[h] = sum_m dz_l[h*F + m] * e[m];  de[m] += sum_h dz_l[h*F + m] *
//             h_{l-1}[h]
//
// z is H*F*D floats a sample and never exists as a whole: a panel (a few samples with all their components
// side by side, 64 columns) is worked on for some h at a time, whose part of z stays in the L1 cache. Flops a
// sample: 2*N*H*F*D a layer forward, twice that backward.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "ops/block_shares.h"
#include "ops/cpu_op.h"

namespace pss {

struct CinLayer {
  int64_t N, H;         // maps made and maps read
  int64_t on;           // the first maps, which the next layer reads
  int64_t out;          // column of the output where map `on` goes
  int64_t Np;           // N padded to whole vectors
  const float* weight;  // [N, weight_ld]
  int64_t weight_ld;
  const float* bias;   // [N]
  int64_t hidden;      // where its maps begin in a sample's or a panel's maps, in maps
  int64_t transposed;  // where W^T [H*F, Np] begins among the transposed weights
};

struct CinShape {
  int64_t F, D;
  int64_t S, P;  // samples and columns of a panel; column s*D + d is component d of sample s
  int64_t maps;  // of all layers
  std::vector<CinLayer> layers;
};

// The layers that weights and biases by turns make. Throws ERR_GRAPH when they, slots and output don't fit.
CinShape make_cin_shape(const Tensor& slots, const std::vector<const Parameter*>& parameters,
                        const Tensor& out);

// A layer's gradients within a block's share.
struct CinGradients {
  float* weight;  // [N, weight_ld]
  float* bias;    // [N]
};

// The definition, for one sample. hidden [maps, D]; adds to the gradients; dhidden [maps, D] is scratch.
void cin_forward_ref(float* out, float* hidden, const float* slots, const CinShape& shape);
void cin_backward_ref(float* dslots, const std::vector<CinGradients>& gradients, float* dhidden,
                      const float* dout, const float* hidden, const float* slots, const CinShape& shape);

// Panels that are worked on together, so that weights are read once for as many.
constexpr int64_t kCinPanels = 4;

// Up to kCinPanels panels: samples [0, samples) of slots and out (rows apart by their `ld`); hidden [panels,
// maps, P]. `scratch` has cin_scratch(shape) floats. dslots is overwritten. dtransposed is a thread's sum of
// the weights' gradients, laid out as `transposed`, dbiases [maps] that of the biases'.
struct CinRows {
  const float* slots;
  float* dslots;
  int64_t slots_ld;
  float* out;
  const float* dout;
  int64_t out_ld;
  float* hidden;
  int64_t samples;
};
int64_t cin_scratch(const CinShape& shape);
void cin_forward_avx512(const CinRows& rows, float* scratch, const CinShape& shape);
void cin_backward_avx512(const CinRows& rows, float* dtransposed, float* dbiases, const float* transposed,
                         float* scratch, const CinShape& shape);

class Cin : public CpuOp {
 public:
  // Parameters: weight and bias of each layer.
  Cin(const OpContext& context, const Tensor* slots, std::vector<const Parameter*> parameters, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t B) override;
  void run_task(Stage stage, int64_t B, int64_t task) override;
  void parameters_changed() override { packed_ = false; }
  const char* implementation() const override { return wide_or_reference(); }

 private:
  void backward_rows_ref(float* share, int64_t first, int64_t last);
  CinRows rows_at(int64_t B, int64_t first, int64_t b, int64_t last);
  float* hidden_of(int64_t B, int64_t first, int64_t b);
  CinGradients gradients_in(float* share, size_t layer) const;
  const Tensor* slots_;
  std::vector<const Parameter*> parameters_;
  Tensor* out_;
  CinShape shape_;
  bool packed_ = false;
  int64_t transposed_floats_ = 0;
  AlignedBuffer<float> transposed_;
  AlignedBuffer<float> hidden_;   // of a batch when training, otherwise of each thread's panels
  AlignedBuffer<float> scratch_;  // [threads]
  AlignedBuffer<float> sums_;     // [threads]: dtransposed, then dbiases
  BlockShares shares_;
};

}  // namespace pss
