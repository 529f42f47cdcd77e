// The bilinear interaction's kernels for the Simd of the file that includes this.
#pragma once

#include "backend/cpu/block_operand.h"
#include "ops/bilinear_interaction/bilinear_interaction.h"

namespace pss {
namespace {

constexpr int64_t kLanes = Simd::kLanes;

// Calls step(i, mask) for the vectors of `count` floats.
template <typename Step>
inline void by_vectors(int64_t count, const Step& step) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) step(i, Simd::mask(kLanes));
  if (i < count) step(i, Simd::mask(count - i));
}

// p = t * e over the `pairs` of one i, which follow each other; t has D floats for each, or for all.
void products(float* p, const float* t, const float* e, int64_t pairs, bool shared, int64_t D) {
  const int64_t parts = shared ? pairs : 1, length = shared ? D : pairs * D;
  for (int64_t part = 0; part < parts; part++, p += length, e += length) {
    by_vectors(length, [&](int64_t i, Simd::Mask mask) {
      Simd::store(mask, p + i, Simd::multiply(Simd::load(mask, t + i), Simd::load(mask, e + i)));
    });
  }
}

// dt = dp * e, summed over the pairs where they share t;  de += dp * t (unless de is null).
void product_gradients(float* dt, float* de, const float* dp, const float* t, const float* e, int64_t pairs,
                       bool shared, int64_t D) {
  const int64_t parts = shared ? pairs : 1, length = shared ? D : pairs * D;
  for (int64_t part = 0; part < parts; part++, dp += length, e += length) {
    by_vectors(length, [&](int64_t i, Simd::Mask mask) {
      const Simd::Floats gradient = Simd::load(mask, dp + i);
      const Simd::Floats before = part > 0 ? Simd::load(mask, dt + i) : Simd::zero();
      Simd::store(mask, dt + i, Simd::multiply_add(gradient, Simd::load(mask, e + i), before));
      if (!de) return;
      float* to = de + part * length + i;
      Simd::store(mask, to, Simd::multiply_add(gradient, Simd::load(mask, t + i), Simd::load(mask, to)));
    });
  }
}

// t and dt [samples, count * D], and words of a slot and of dt.
struct Scratch {
  float *t, *dt, *slot, *words;
  Scratch(float* scratch, const BilinearShape& shape) {
    const int64_t floats = kBilinearSamples * pad_to_vector(shape.F * shape.D);
    t = scratch;
    dt = t + floats;
    slot = dt + floats;
    words = slot + floats;
  }
};

template <typename Number>
void make_t(const Scratch& s, const BilinearRows& rows, int64_t i, const BilinearWeights& weights,
            const BilinearShape& shape, const BlockKernels& block) {
  const int64_t D = shape.D, width = shape.count(i) * D;
  const auto* across = static_cast<const Word<Number>*>(weights.across) + shape.first(i) * D * D;
  const auto slot = along_rows<Number>(s.slot, {rows.slots + i * D, rows.slots_ld, rows.samples, D}, block);
  block.gemm(BlockGemm<Number>{s.t, width, slot.data, slot.ld, 1, across, width, rows.samples, width,
                               in_words<Number>(D), false});
}

template <typename Number>
void bilinear_forward(const BilinearRows& rows, const BilinearWeights& weights, float* scratch,
                      const BilinearShape& shape, const BlockKernels& block) {
  const int64_t F = shape.F, D = shape.D;
  const bool shared = shape.kind != BilinearKind::kInteraction;
  const Scratch s(scratch, shape);
  for (int64_t i = 0, pair = 0; i + 1 < F; pair += F - 1 - i, i++) {
    make_t<Number>(s, rows, i, weights, shape, block);
    for (int64_t b = 0; b < rows.samples; b++) {
      products(rows.out + b * rows.out_ld + pair * D, s.t + b * shape.count(i) * D,
               rows.slots + b * rows.slots_ld + (i + 1) * D, F - 1 - i, shared, D);
    }
  }
}

template <typename Number>
void bilinear_backward(const BilinearRows& rows, float* dmatrices, const BilinearWeights& weights,
                       float* scratch, const BilinearShape& shape, const BlockKernels& block) {
  const int64_t F = shape.F, D = shape.D, samples = rows.samples;
  const bool shared = shape.kind != BilinearKind::kInteraction;
  const Scratch s(scratch, shape);
  for (int64_t i = 0, pair = 0; i + 1 < F; pair += F - 1 - i, i++) {
    const int64_t width = shape.count(i) * D;
    if (rows.dslots) make_t<Number>(s, rows, i, weights, shape, block);
    for (int64_t b = 0; b < samples; b++) {
      const int64_t slot = b * rows.slots_ld + (i + 1) * D;
      product_gradients(s.dt + b * width, rows.dslots ? rows.dslots + slot : nullptr,
                        rows.dout + b * rows.out_ld + pair * D, s.t + b * width, rows.slots + slot, F - 1 - i,
                        shared, D);
    }
    const FloatRows dt{s.dt, width, samples, width}, e{rows.slots + i * D, rows.slots_ld, samples, D};
    const auto slot = along_columns<Number>(s.slot, e, block);
    const auto sums = along_columns<Number>(s.words, dt, block);
    block.gemm(BlockGemm<Number>{dmatrices + shape.first(i) * D * shape.Dp, shape.Dp, sums.data, 1, sums.ld,
                                 slot.data, slot.ld, width, D, in_words<Number>(samples), true});
    if (!rows.dslots) continue;
    const auto* below = static_cast<const Word<Number>*>(weights.below) + shape.first(i) * D * D;
    const auto terms = along_rows<Number>(s.words, dt, block);
    block.gemm(BlockGemm<Number>{rows.dslots + i * D, rows.slots_ld, terms.data, terms.ld, 1, below, D,
                                 samples, D, in_words<Number>(width), true});
  }
}

constexpr BilinearFormats kBilinearSimd = {{bilinear_forward<float>, bilinear_backward<float>},
                                           {bilinear_forward<Bf16>, bilinear_backward<Bf16>}};

}  // namespace
}  // namespace pss
