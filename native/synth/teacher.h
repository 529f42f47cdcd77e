// The model that synthetic labels are drawn from: a factorisation machine over all 39 columns.
#pragma once

#include <array>
#include <cstdint>

#include "base/philox.h"
#include "synth/profile.h"

namespace pss::synth {

// Length of the latent vector of a value.
constexpr int kLatent = 4;

// One value of a column with tokens: the token (0 for a missing one) and how much its rank weighs.
struct Token {
  uint32_t token;
  float weight;
};

// The parts of a logit before they are scaled: they are added up with fixed shares of its variance.
struct LogitParts {
  float dense = 0, single = 0, pairs = 0;
};

// All that a value contributes is made on the fly from Philox under (seed, column, token), so there are no
// tables:
//
//     e, z_1..z_4 ~ U(±√3) of the value's block, in units of 2^-15, all times weight · strength of the column
//     single = Σ_t e_t                              pairs = Σ_{s<t} z_s·z_t over the 26 columns and one dense
//     vector dense  = Σ_i a_i x_i + b_i (x_i² − 1)         dense vector = Σ_i c_i x_i
//
// where x_i is the integer's log(1 + max(v, 0)), standardised and cut at ±3, 0 for a missing one; a, b, c and
// the strengths (uniform in 0.5..1.5) depend on the seed alone.
class Teacher {
 public:
  Teacher(const Profile& profile, uint64_t seed);

  // logs[13]: log(1 + max(v, 0)), or a negative number for a missing value.
  LogitParts logit(const std::array<float, kNumDense>& logs,
                   const std::array<Token, kNumTables>& tokens) const;

 private:
  struct DenseEffect {
    float centre, scale, linear, quadratic;
    std::array<float, kLatent> latent;
  };
  uint64_t seed_;
  std::array<DenseEffect, kNumDense> dense_;
  std::array<float, kNumTables> strength_;
};

}  // namespace pss::synth
