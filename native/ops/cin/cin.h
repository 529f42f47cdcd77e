// xDeepFM's compressed interaction network over slots e [B, F, D]. For each component d on its own:
//
//   h_{-1} = e;  z_l[h*F + m] = h_{l-1}[h] * e[m];  h_l = relu(W_l z_l + b_l)          W_l [N_l, H_l*F]
//   of every layer but the last, maps 0 .. N_l/2 go on (they are H_{l+1}) and the others go out; of the last,
//   all go out.  out[b] = the maps that go out, layer by layer, each summed over d
//   backward  dh_l = (h_l > 0) * (dout, or the next layer's dh);  db_l = sum dh_l;  dW_l = sum dh_l z_l^T
//             dz_l = W_l^T dh_l;  dh_{l-1}[h] = sum_m dz_l[h*F + m] * e[m];
//             de[m] += sum_h dz_l[h*F + m] * h_{l-1}[h]
//
// z is H*F*D floats a sample and never exists as a whole: a panel (a few samples with all their components
// side by side) is worked on for some h at a time, whose part of z stays in the cache. With bf16 the three
// products with W, z and dh read them rounded and sum in float32; all else is float32. Flops a sample:
// 2*N*H*F*D a layer forward, twice that backward.
#pragma once

#include <vector>

#include "backend/cpu/block_gemm.h"
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
  int64_t transposed;  // where its part of the transposed weights' gradients [H*F, Np] begins
  const void* words;   // W [N, words_ld] in words, each h's m in words of their own
  int64_t words_ld;
  uint32_t* packed;            // where `words` are made; null where they are W itself
  uint32_t* transposed_words;  // W^T [H*F, Np], Np in words
};

struct CinShape {
  int64_t F, D;
  int64_t S, P;    // samples and columns of a panel; column s*D + d is component d of sample s
  int64_t panels;  // worked on together, so that weights are read once for as many
  int64_t maps;    // of all layers
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

// The definition, for one sample, with the products' factors rounded to `precision`. hidden [maps, D]; adds
// to the gradients; dhidden [maps, D] is scratch.
void cin_forward_ref(float* out, float* hidden, const float* slots, const CinShape& shape,
                     Precision precision);
void cin_backward_ref(float* dslots, const std::vector<CinGradients>& gradients, float* dhidden,
                      const float* dout, const float* hidden, const float* slots, const CinShape& shape,
                      Precision precision);

// Up to shape.panels panels: samples [0, samples) of slots and out (rows apart by their `ld`); hidden
// [panels, maps, P]. dslots is overwritten.
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

// `scratch` has cin_scratch(shape, precision) floats. dtransposed is a thread's sum of the weights'
// gradients, each layer's at `transposed`, dbiases [maps] that of the biases'.
struct CinKernels {
  void (*forward)(const CinRows& rows, float* scratch, const CinShape& shape, const BlockKernels& block);
  void (*backward)(const CinRows& rows, float* dtransposed, float* dbiases, float* scratch,
                   const CinShape& shape, const BlockKernels& block);
};
struct CinFormats {
  CinKernels f32, bf16;
};
extern const CinFormats kCinAvx2, kCinAvx512, kCinAvx512Bf16;
int64_t cin_scratch(const CinShape& shape, Precision precision);

class Cin : public CpuOp {
 public:
  // Parameters: weight and bias of each layer.
  Cin(const OpContext& context, const Tensor* slots, std::vector<const Parameter*> parameters, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t B) override;
  void run_task(Stage stage, int64_t B, int64_t task) override;
  void parameters_changed() override { packed_ = false; }
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  void place_words();
  void pack_forward(const CinLayer& layer, int64_t first, int64_t last);
  void pack_transposed(const CinLayer& layer, int64_t first, int64_t last);
  void backward_rows_ref(float* share, int64_t first, int64_t last);
  CinRows rows_at(int64_t B, int64_t first, int64_t b, int64_t last);
  float* hidden_of(int64_t B, int64_t first, int64_t b);
  CinGradients gradients_in(float* share, size_t layer) const;
  float* thread_scratch() { return scratch_.data() + ThreadTeam::current() * scratch_floats_; }
  const Tensor* slots_;
  std::vector<const Parameter*> parameters_;
  Tensor* out_;
  CinShape shape_;
  const BlockKernels& block_;
  const CinKernels* kernels_;  // null for the reference
  bool packed_ = false;
  int64_t sums_floats_ = 0, scratch_floats_ = 0;
  AlignedBuffer<uint32_t> words_, transposed_words_;
  AlignedBuffer<float> hidden_;   // of a batch when training, otherwise of each thread's panels
  AlignedBuffer<float> scratch_;  // [threads]
  AlignedBuffer<float> sums_;     // [threads]: dtransposed, then dbiases
  BlockShares shares_;
};

}  // namespace pss
