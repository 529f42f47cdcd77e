#include <immintrin.h>

#include <algorithm>

#include "backend/cpu/block_gemm.h"
#include "ops/cin/cin.h"

namespace pss {

namespace {

// Maps h whose part of z is made at a time: as deep as a product's slab.
int64_t chunk_of(const CinShape& shape) {
  return std::max<int64_t>(1, kGemmDepth / shape.F);
}

struct Widest {
  int64_t N = 0, Np = 0, H = 0;
};

Widest widest(const CinShape& shape) {
  Widest most;
  for (const CinLayer& layer : shape.layers) {
    most.N = std::max(most.N, layer.N);
    most.Np = std::max(most.Np, layer.Np);
    most.H = std::max(most.H, layer.H);
  }
  return most;
}

// What a group of panels needs, all with P columns: the slots, layer gradients dx (and transposed), gradients
// of the maps below and of the slots; and for one panel a chunk of z and of dz.
struct Scratch {
  float *slots, *dx, *dxt, *dbelow, *dslots, *z, *dz;
};

Scratch cut(float* scratch, const CinShape& shape) {
  const Widest most = widest(shape);
  const auto take = [&](int64_t floats) {
    float* taken = scratch;
    scratch += floats;
    return taken;
  };
  const int64_t columns = kCinPanels * shape.P, chunk = chunk_of(shape) * shape.F * shape.P;
  Scratch s{};
  s.slots = take(columns * shape.F);
  s.dx = take(columns * most.N);
  s.dxt = take(columns * most.Np);
  s.dbelow = take(columns * most.H);
  s.dslots = take(columns * shape.F);
  s.z = take(chunk);
  s.dz = take(chunk);
  return s;
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

void make_z(float* z, const float* below, const float* slots, int64_t count, const CinShape& shape) {
  const int64_t F = shape.F, P = shape.P;
  for (int64_t h = 0; h < count; h++, below += P) {
    for (int64_t m = 0; m < F; m++, z += P) {
      for (int64_t p = 0; p < P; p += 16) {
        _mm512_storeu_ps(z + p,
                         _mm512_mul_ps(_mm512_loadu_ps(below + p), _mm512_loadu_ps(slots + m * P + p)));
      }
    }
  }
}

// dbelow[h] += sum_m dz[h, m] * slots[m];  dslots[m] += dz[h, m] * below[h]
void use_dz(float* dbelow, float* dslots, const float* dz, const float* below, const float* slots,
            int64_t count, const CinShape& shape) {
  const int64_t F = shape.F, P = shape.P;
  for (int64_t h = 0; h < count; h++, below += P, dbelow += P, dz += F * P) {
    for (int64_t p = 0; p < P; p += 16) {
      const __m512 map = _mm512_loadu_ps(below + p);
      __m512 sum = _mm512_loadu_ps(dbelow + p);
      for (int64_t m = 0; m < F; m++) {
        const __m512 gradient = _mm512_loadu_ps(dz + m * P + p);
        float* to = dslots + m * P + p;
        sum = _mm512_fmadd_ps(gradient, _mm512_loadu_ps(slots + m * P + p), sum);
        _mm512_storeu_ps(to, _mm512_fmadd_ps(gradient, map, _mm512_loadu_ps(to)));
      }
      _mm512_storeu_ps(dbelow + p, sum);
    }
  }
}

void add_bias_first(float* maps, const CinLayer& layer, int64_t P) {
  for (int64_t n = 0; n < layer.N; n++) std::fill_n(maps + n * P, P, layer.bias[n]);
}

void relu(float* maps, int64_t floats) {
  for (int64_t i = 0; i < floats; i += 16) {
    _mm512_storeu_ps(maps + i, _mm512_max_ps(_mm512_loadu_ps(maps + i), _mm512_setzero_ps()));
  }
}

float sum_of(const float* values, int64_t count) {
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < count; i += 16) {
    const auto mask =
        count - i >= 16 ? static_cast<__mmask16>(0xFFFF) : static_cast<__mmask16>((1u << (count - i)) - 1);
    sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, values + i));
  }
  return _mm512_reduce_add_ps(sum);
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
    for (int64_t p = 0; p < P; p += 16) {
      const __mmask16 alive = _mm512_cmp_ps_mask(_mm512_loadu_ps(maps + p), _mm512_setzero_ps(), _CMP_GT_OQ);
      _mm512_storeu_ps(dx + p, _mm512_maskz_loadu_ps(alive, dx + p));
    }
    dbias[n] += sum_of(dx, P);
  }
}

}  // namespace

int64_t cin_scratch(const CinShape& shape) {
  const Widest most = widest(shape);
  return kCinPanels * shape.P * (2 * shape.F + most.N + most.Np + most.H) +
         2 * chunk_of(shape) * shape.F * shape.P;
}

void cin_forward_avx512(const CinRows& rows, float* scratch, const CinShape& shape) {
  const Scratch s = cut(scratch, shape);
  const int64_t F = shape.F, P = shape.P, panels = panels_of(rows, shape), chunk = chunk_of(shape);
  load_slots(s.slots, rows, shape);
  for (size_t l = 0; l < shape.layers.size(); l++) {
    const CinLayer& layer = shape.layers[l];
    const auto maps = [&](int64_t panel) { return rows.hidden + (panel * shape.maps + layer.hidden) * P; };
    for (int64_t panel = 0; panel < panels; panel++) add_bias_first(maps(panel), layer, P);
    for (int64_t h = 0; h < layer.H; h += chunk) {
      const int64_t count = std::min(chunk, layer.H - h);
      for (int64_t panel = 0; panel < panels; panel++) {
        const float* slots = s.slots + panel * F * P;
        const float* below = l ? rows.hidden + (panel * shape.maps + shape.layers[l - 1].hidden) * P : slots;
        make_z(s.z, below + h * P, slots, count, shape);
        block_gemm_avx512(
            {maps(panel), P, layer.weight + h * F, layer.weight_ld, 1, s.z, P, layer.N, P, count * F, true});
      }
    }
    for (int64_t panel = 0; panel < panels; panel++) relu(maps(panel), layer.N * P);
    store_outputs(rows, layer, shape);
  }
}

void cin_backward_avx512(const CinRows& rows, float* dtransposed, float* dbiases, const float* transposed,
                         float* scratch, const CinShape& shape) {
  const Scratch s = cut(scratch, shape);
  const Widest most = widest(shape);
  const int64_t F = shape.F, P = shape.P, panels = panels_of(rows, shape), chunk = chunk_of(shape);
  load_slots(s.slots, rows, shape);
  std::fill_n(s.dslots, panels * F * P, 0.0f);
  for (size_t l = shape.layers.size(); l-- > 0;) {
    const CinLayer& layer = shape.layers[l];
    for (int64_t panel = 0; panel < panels; panel++) {
      float* dx = s.dx + panel * most.N * P;
      const float* maps = rows.hidden + (panel * shape.maps + layer.hidden) * P;
      make_dx(dx, dbiases + layer.hidden, s.dbelow + panel * most.H * P, maps, rows, panel, layer, shape);
      transpose_avx512(s.dxt + panel * most.Np * P, layer.Np, dx, P, layer.N, P);
    }
    std::fill_n(s.dbelow, panels * most.H * P, 0.0f);
    for (int64_t h = 0; h < layer.H; h += chunk) {
      const int64_t count = std::min(chunk, layer.H - h), at = layer.transposed + h * F * layer.Np;
      for (int64_t panel = 0; panel < panels; panel++) {
        const float* slots = s.slots + panel * F * P;
        const float* below =
            (l ? rows.hidden + (panel * shape.maps + shape.layers[l - 1].hidden) * P : slots) + h * P;
        make_z(s.z, below, slots, count, shape);
        block_gemm_avx512({dtransposed + at, layer.Np, s.z, P, 1, s.dxt + panel * most.Np * P, layer.Np,
                           count * F, layer.N, P, true});
        block_gemm_avx512({s.dz, P, transposed + at, layer.Np, 1, s.dx + panel * most.N * P, P, count * F, P,
                           layer.N, false});
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

}  // namespace pss
