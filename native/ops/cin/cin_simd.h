// The CIN's kernels for the Simd of the file that includes this.
#pragma once

#include <algorithm>

#include "ops/cin/cin.h"
#include "ops/cin/cin_scratch.h"

namespace pss {
namespace {

constexpr int64_t kLanes = Simd::kLanes;

inline void store_words(float* to, Simd::Words words) {
  Simd::store(to, Simd::as_floats(words));
}
inline void store_words(uint32_t* to, Simd::Words words) {
  Simd::store_words(to, words);
}

int64_t panels_of(const CinRows& rows, const CinShape& shape) {
  return (rows.samples + shape.S - 1) / shape.S;
}

// slots[panel, m, s*D + d] = e of the panel's sample s; zero where there is none.
void load_slots(float* slots, const CinRows& rows, const CinShape& shape) {
  std::fill_n(slots, panels_of(rows, shape) * shape.F * shape.P, 0.0f);
  for (int64_t b = 0; b < rows.samples; b++) {
    float* to = slots + b / shape.S * shape.F * shape.P + b % shape.S * shape.D;
    for (int64_t m = 0; m < shape.F; m++) {
      std::copy_n(rows.slots + b * rows.slots_ld + m * shape.D, shape.D, to + m * shape.P);
    }
  }
}

// z of `count` maps with words along m: what the forward's sum over (h, m) reads.
void make_z(float* z, const float* below, const float* slots, int64_t count, const CinShape& shape) {
  const int64_t F = shape.F, P = shape.P;
  for (int64_t h = 0; h < count; h++, below += P) {
    for (int64_t m = 0; m < F; m++, z += P) {
      for (int64_t p = 0; p < P; p += kLanes) {
        Simd::store(z + p, Simd::multiply(Simd::load(below + p), Simd::load(slots + m * P + p)));
      }
    }
  }
}

void make_z(uint32_t* z, const float* below, const float* slots, int64_t count, const CinShape& shape) {
  const int64_t F = shape.F, P = shape.P;
  for (int64_t h = 0; h < count; h++, below += P) {
    for (int64_t m = 0; m < F; m += 2, z += P) {
      for (int64_t p = 0; p < P; p += kLanes) {
        const Simd::Floats map = Simd::load(below + p);
        const Simd::Floats low = Simd::multiply(map, Simd::load(slots + m * P + p));
        const Simd::Floats high =
            m + 1 < F ? Simd::multiply(map, Simd::load(slots + (m + 1) * P + p)) : Simd::zero();
        Simd::store_words(z + p, Simd::interleave(low, high));
      }
    }
  }
}

// The same with words along the columns: what the weight gradient's sum over columns reads.
void make_z_columns(float* z, const float* below, const float* slots, int64_t count, const CinShape& shape) {
  make_z(z, below, slots, count, shape);
}

void make_z_columns(uint32_t* z, const float* below, const float* slots, int64_t count,
                    const CinShape& shape) {
  const int64_t F = shape.F, P = shape.P;
  for (int64_t h = 0; h < count; h++, below += P) {
    for (int64_t m = 0; m < F; m++, z += P / 2) {
      const float* slot = slots + m * P;
      for (int64_t p = 0; p < P; p += 2 * kLanes) {
        const auto product = [&](int64_t at) {
          return Simd::multiply(Simd::load(below + at), Simd::load(slot + at));
        };
        Simd::store_words(z + p / 2, Simd::pairs(product(p), product(p + kLanes)));
      }
    }
  }
}

// dbelow[h] += sum_m dz[h, m] * slots[m];  dslots[m] += dz[h, m] * below[h]
void use_dz(float* dbelow, float* dslots, const float* dz, const float* below, const float* slots,
            int64_t count, const CinShape& shape) {
  const int64_t F = shape.F, P = shape.P;
  for (int64_t h = 0; h < count; h++, below += P, dbelow += P, dz += F * P) {
    for (int64_t p = 0; p < P; p += kLanes) {
      const Simd::Floats map = Simd::load(below + p);
      Simd::Floats sum = Simd::load(dbelow + p);
      for (int64_t m = 0; m < F; m++) {
        const Simd::Floats gradient = Simd::load(dz + m * P + p);
        float* to = dslots + m * P + p;
        sum = Simd::multiply_add(gradient, Simd::load(slots + m * P + p), sum);
        Simd::store(to, Simd::multiply_add(gradient, map, Simd::load(to)));
      }
      Simd::store(dbelow + p, sum);
    }
  }
}

void add_bias_first(float* maps, const CinLayer& layer, int64_t P) {
  for (int64_t n = 0; n < layer.N; n++) std::fill_n(maps + n * P, P, layer.bias[n]);
}

void relu(float* maps, int64_t floats) {
  for (int64_t i = 0; i < floats; i += kLanes) Simd::store(maps + i, Simd::relu(Simd::load(maps + i)));
}

float sum_of(const float* values, int64_t count) {
  Simd::Floats sum = Simd::zero();
  for (int64_t i = 0; i < count; i += kLanes)
    sum = Simd::add(sum, Simd::load(Simd::mask(count - i), values + i));
  return Simd::sum(sum);
}

void store_outputs(const CinRows& rows, const CinLayer& layer, const CinShape& shape) {
  for (int64_t b = 0; b < rows.samples; b++) {
    const float* maps =
        rows.hidden + (b / shape.S * shape.maps + layer.hidden) * shape.P + b % shape.S * shape.D;
    float* out = rows.out + b * rows.out_ld + layer.out;
    for (int64_t n = layer.on; n < layer.N; n++) out[n - layer.on] = sum_of(maps + n * shape.P, shape.D);
  }
}

// dx of one panel: from the maps above for those that went on, from dout for the others, zero where the map
// is.
void make_dx(float* dx, float* dbias, const float* above, const float* maps, const CinRows& rows,
             int64_t panel, const CinLayer& layer, const CinShape& shape) {
  const int64_t P = shape.P, D = shape.D;
  const int64_t samples = std::min(shape.S, rows.samples - panel * shape.S);
  const float* dout = rows.dout + panel * shape.S * rows.out_ld + layer.out;
  for (int64_t n = 0; n < layer.N; n++, dx += P, maps += P) {
    if (n < layer.on) {
      std::copy_n(above + n * P, P, dx);
    } else {
      std::fill_n(dx, P, 0.0f);
      for (int64_t s = 0; s < samples; s++) std::fill_n(dx + s * D, D, dout[s * rows.out_ld + n - layer.on]);
    }
    for (int64_t p = 0; p < P; p += kLanes)
      Simd::store(dx + p, Simd::where_positive(Simd::load(dx + p), Simd::load(maps + p)));
    dbias[n] += sum_of(dx, P);
  }
}

// What the backward's products read of dx [N, P]: rows [N, P] in words along n, and [P, Np] in words along p,
// for which `rows` is scratch.
void dx_words(float*, float* columns, const float* dx, const CinLayer& layer, int64_t P,
              const BlockKernels& block) {
  block.transpose(columns, layer.Np, dx, P, layer.N, P);
}

void dx_words(uint32_t* rows, uint32_t* columns, const float* dx, const CinLayer& layer, int64_t P,
              const BlockKernels& block) {
  for (int64_t n = 0; n < layer.N; n++) block.pair_columns(rows + n * P / 2, dx + n * P, P);
  block.transpose(columns, layer.Np, rows, P / 2, layer.N, P / 2);
  for (int64_t n = 0; n < layer.N; n += 2)
    block.pair_rows(rows + n / 2 * P, dx + n * P, n + 1 < layer.N ? dx + (n + 1) * P : nullptr, P);
}

template <typename Number>
void cin_forward(const CinRows& rows, float* scratch, const CinShape& shape, const BlockKernels& block) {
  const CinScratch<Number> s(scratch, shape);
  const int64_t F = shape.F, P = shape.P, panels = panels_of(rows, shape), chunk = cin_chunk<Number>(shape);
  const int64_t Fw = in_words<Number>(F);
  load_slots(s.slots, rows, shape);
  for (size_t l = 0; l < shape.layers.size(); l++) {
    const CinLayer& layer = shape.layers[l];
    const auto* weight = static_cast<const Word<Number>*>(layer.words);
    const auto maps = [&](int64_t panel) { return rows.hidden + (panel * shape.maps + layer.hidden) * P; };
    for (int64_t panel = 0; panel < panels; panel++) add_bias_first(maps(panel), layer, P);
    for (int64_t h = 0; h < layer.H; h += chunk) {
      const int64_t count = std::min(chunk, layer.H - h);
      for (int64_t panel = 0; panel < panels; panel++) {
        const float* slots = s.slots + panel * F * P;
        const float* below = l ? rows.hidden + (panel * shape.maps + shape.layers[l - 1].hidden) * P : slots;
        make_z(s.z, below + h * P, slots, count, shape);
        block.gemm(BlockGemm<Number>{maps(panel), P, weight + h * Fw, layer.words_ld, 1, s.z, P, layer.N, P,
                                     count * Fw, true});
      }
    }
    for (int64_t panel = 0; panel < panels; panel++) relu(maps(panel), layer.N * P);
    store_outputs(rows, layer, shape);
  }
}

template <typename Number>
void cin_backward(const CinRows& rows, float* dtransposed, float* dbiases, float* scratch,
                  const CinShape& shape, const BlockKernels& block) {
  const CinScratch<Number> s(scratch, shape);
  const CinMost most(shape);
  const int64_t F = shape.F, P = shape.P, panels = panels_of(rows, shape), chunk = cin_chunk<Number>(shape);
  const int64_t Pw = in_words<Number>(P);
  load_slots(s.slots, rows, shape);
  std::fill_n(s.dslots, panels * F * P, 0.0f);
  for (size_t l = shape.layers.size(); l-- > 0;) {
    const CinLayer& layer = shape.layers[l];
    const int64_t Nw = in_words<Number>(layer.N), Npw = in_words<Number>(layer.Np);
    for (int64_t panel = 0; panel < panels; panel++) {
      float* dx = s.dx + panel * most.N * P;
      const float* maps = rows.hidden + (panel * shape.maps + layer.hidden) * P;
      make_dx(dx, dbiases + layer.hidden, s.dbelow + panel * most.H * P, maps, rows, panel, layer, shape);
      dx_words(s.dx_rows + panel * most.N * P, s.dx_columns + panel * most.Np * Pw, dx, layer, P, block);
    }
    std::fill_n(s.dbelow, panels * most.H * P, 0.0f);
    for (int64_t h = 0; h < layer.H; h += chunk) {
      const int64_t count = std::min(chunk, layer.H - h);
      const auto* transposed = reinterpret_cast<const Word<Number>*>(layer.transposed_words) + h * F * Npw;
      float* dweight = dtransposed + layer.transposed + h * F * layer.Np;
      for (int64_t panel = 0; panel < panels; panel++) {
        const float* slots = s.slots + panel * F * P;
        const float* below =
            (l ? rows.hidden + (panel * shape.maps + shape.layers[l - 1].hidden) * P : slots) + h * P;
        make_z_columns(s.z, below, slots, count, shape);
        block.gemm(BlockGemm<Number>{dweight, layer.Np, s.z, Pw, 1, s.dx_columns + panel * most.Np * Pw,
                                     layer.Np, count * F, layer.N, Pw, true});
        block.gemm(BlockGemm<Number>{s.dz, P, transposed, Npw, 1, s.dx_rows + panel * most.N * P, P,
                                     count * F, P, Nw, false});
        use_dz(s.dbelow + (panel * most.H + h) * P, s.dslots + panel * F * P, s.dz, below, slots, count,
               shape);
      }
    }
  }
  for (int64_t b = 0; b < rows.samples; b++) {
    const int64_t panel = b / shape.S, column = b % shape.S * shape.D;
    for (int64_t m = 0; m < F; m++) {
      const float* own = s.dslots + (panel * F + m) * P + column;
      const float* first = s.dbelow + (panel * most.H + m) * P + column;
      float* to = rows.dslots + b * rows.slots_ld + m * shape.D;
      for (int64_t d = 0; d < shape.D; d++) to[d] = own[d] + first[d];
    }
  }
}

constexpr CinFormats kCinSimd = {{cin_forward<float>, cin_backward<float>},
                                 {cin_forward<Bf16>, cin_backward<Bf16>}};

}  // namespace
}  // namespace pss
