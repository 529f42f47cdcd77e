// The optimizers, written once for several instruction sets. Include after base/simd_*.h of the one that a
// file is compiled for.
#pragma once

#include "optim/optimizer.h"

namespace pss {
namespace {

using Floats = Simd::Floats;
constexpr int64_t kLanes = Simd::kLanes;

struct Constants {
  Floats rate, epsilon, beta1, beta2, rest1, rest2, correction2;
};

inline Constants constants(const OptimizerSpec& spec, const UpdateScalars& scalars) {
  const bool adam = spec.kind == OptimizerKind::kAdam;
  const float rate = adam ? scalars.learning_rate / scalars.bias_correction1 : scalars.learning_rate;
  return {Simd::set(rate),
          Simd::set(spec.epsilon),
          Simd::set(spec.beta1),
          Simd::set(spec.beta2),
          Simd::set(1 - spec.beta1),
          Simd::set(1 - spec.beta2),
          Simd::set(scalars.bias_correction2)};
}

// Which floats of a vector an update reads and writes.
struct All {
  Floats load(const float* from) const { return Simd::load(from); }
  void store(float* to, Floats value) const { Simd::store(to, value); }
};
// The first few: behind them may be another thread's, or nothing.
struct First {
  Simd::Mask mask;
  Floats load(const float* from) const { return Simd::load(mask, from); }
  void store(float* to, Floats value) const { Simd::store(mask, to, value); }
};
// Some of a vector that is this thread's.
struct Some {
  Simd::Mask mask;
  Floats load(const float* from) const { return Simd::load(from); }
  void store(float* to, Floats value) const { Simd::replace(mask, to, value); }
};

template <OptimizerKind kind, typename Which>
inline void update_vector(const Which& which, float* weights, Floats g, float* state0, float* state1,
                          const Constants& k) {
  Floats change;
  if constexpr (kind == OptimizerKind::kSgd) {
    change = Simd::multiply(k.rate, g);
  } else if constexpr (kind == OptimizerKind::kAdam) {
    const Floats m = Simd::add(Simd::multiply(k.beta1, which.load(state0)), Simd::multiply(k.rest1, g));
    const Floats v =
        Simd::add(Simd::multiply(k.beta2, which.load(state1)), Simd::multiply(Simd::multiply(k.rest2, g), g));
    which.store(state0, m);
    which.store(state1, v);
    const Floats root = Simd::root(Simd::divide(v, k.correction2));
    change = Simd::divide(Simd::multiply(k.rate, m), Simd::add(root, k.epsilon));
  } else {
    const Floats a = Simd::add(which.load(state0), Simd::multiply(g, g));
    which.store(state0, a);
    change = Simd::divide(Simd::multiply(k.rate, g), Simd::add(Simd::root(a), k.epsilon));
  }
  which.store(weights, Simd::subtract(which.load(weights), change));
}

template <OptimizerKind kind>
void update_all(float* weights, const float* gradient, float* state0, float* state1, int64_t n,
                const Constants& k) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    update_vector<kind>(All{}, weights + i, Simd::load(gradient + i), state0 + i, state1 + i, k);
  }
  if (i == n) return;
  const First rest{Simd::mask(n - i)};
  update_vector<kind>(rest, weights + i, rest.load(gradient + i), state0 + i, state1 + i, k);
}

template <OptimizerKind kind>
void update_some(float* weights, float* gradient, float* state0, float* state1, int64_t n,
                 const Constants& k) {
  const Floats untouched = Simd::set(kUntouched);
  for (int64_t i = 0; i < n; i += kLanes) {
    const Simd::Mask inside = Simd::mask(n - i);
    const Floats g = Simd::load(inside, gradient + i);
    const Simd::Mask touched = Simd::differing(inside, g, untouched);
    if (Simd::is_empty(touched)) continue;
    const auto update = [&](const auto& which) {
      update_vector<kind>(which, weights + i, g, state0 + i, state1 + i, k);
      which.store(gradient + i, untouched);
    };
    if (Simd::is_full(touched)) {
      update(All{});
    } else if (i + kLanes <= n) {
      update(Some{touched});
    } else {
      update(First{touched});
    }
  }
}

inline void update_range(float* weights, const float* gradient, float* state0, float* state1, int64_t n,
                         const OptimizerSpec& spec, const UpdateScalars& scalars) {
  const Constants k = constants(spec, scalars);
  switch (spec.kind) {
    case OptimizerKind::kSgd:
      return update_all<OptimizerKind::kSgd>(weights, gradient, state0, state1, n, k);
    case OptimizerKind::kAdagrad:
    case OptimizerKind::kRowwiseAdagrad:
      return update_all<OptimizerKind::kAdagrad>(weights, gradient, state0, state1, n, k);
    case OptimizerKind::kAdam:
      return update_all<OptimizerKind::kAdam>(weights, gradient, state0, state1, n, k);
  }
}

inline void update_touched(float* weights, float* gradient, float* state0, float* state1, int64_t n,
                           const OptimizerSpec& spec, const UpdateScalars& scalars) {
  const Constants k = constants(spec, scalars);
  switch (spec.kind) {
    case OptimizerKind::kSgd:
      return update_some<OptimizerKind::kSgd>(weights, gradient, state0, state1, n, k);
    case OptimizerKind::kAdagrad:
    case OptimizerKind::kRowwiseAdagrad:
      return update_some<OptimizerKind::kAdagrad>(weights, gradient, state0, state1, n, k);
    case OptimizerKind::kAdam:
      return update_some<OptimizerKind::kAdam>(weights, gradient, state0, state1, n, k);
  }
}

// The squares of a row in kRowParts interleaved sums, as the definition has them.
inline float row_squares(const float* gradient, int64_t n) {
  constexpr int64_t kVectors = kRowParts / kLanes;
  Floats sums[kVectors];
  for (Floats& sum : sums) sum = Simd::zero();
  for (int64_t i = 0; i < n; i += kRowParts) {
    for (int64_t v = 0; v < kVectors && i + v * kLanes < n; v++) {
      const int64_t at = i + v * kLanes;
      const Floats g =
          at + kLanes <= n ? Simd::load(gradient + at) : Simd::load(Simd::mask(n - at), gradient + at);
      sums[v] = Simd::add(sums[v], Simd::multiply(g, g));
    }
  }
  float parts[kRowParts], squares = 0;
  for (int64_t v = 0; v < kVectors; v++) Simd::store(parts + v * kLanes, sums[v]);
  for (const float part : parts) squares += part;
  return squares;
}

inline void update_row(float* weights, const float* gradient, float* accumulator, int64_t n,
                       const OptimizerSpec& spec, const UpdateScalars& scalars) {
  *accumulator += row_squares(gradient, n) / static_cast<float>(n);
  const float root = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(*accumulator)));
  const Constants k{.rate = Simd::set(scalars.learning_rate / (root + spec.epsilon))};
  update_all<OptimizerKind::kSgd>(weights, gradient, nullptr, nullptr, n, k);
}

// Whether any float isn't kUntouched.
inline bool is_touched(const float* gradient, int64_t n) {
  const Floats untouched = Simd::set(kUntouched);
  for (int64_t i = 0; i < n; i += kLanes) {
    const Simd::Mask inside = Simd::mask(n - i);
    if (!Simd::is_empty(Simd::differing(inside, Simd::load(inside, gradient + i), untouched))) return true;
  }
  return false;
}

inline const OptimizerKernels& simd_optimizer_kernels() {
  static constexpr OptimizerKernels kernels{update_range, update_touched, update_row, is_touched};
  return kernels;
}

}  // namespace
}  // namespace pss
