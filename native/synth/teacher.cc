#include "synth/teacher.h"

#include <algorithm>

namespace pss::synth {

namespace {

constexpr float kRootThree = 1.7320508F;

// A 16-bit word as a number of mean 0 and variance 1.
float centred(uint32_t word) {
  return (static_cast<float>(word & 0xffff) - 32767.5F) * (kRootThree * 0x1p-15F);
}

}  // namespace

Teacher::Teacher(const Profile& profile, uint64_t seed) : seed_(seed) {
  const uint64_t dense_name = name_key("synth.dense"), strength_name = name_key("synth.strength");
  for (size_t i = 0; i < kNumDense; ++i) {
    const auto normal = [&](size_t k) { return philox_normal(seed, dense_name, i * 16 + k); };
    DenseEffect& effect = dense_[i];
    effect.centre = profile.integers[i].location;
    effect.scale = 1 / profile.integers[i].spread;
    effect.linear = normal(0);
    effect.quadratic = 0.5F * normal(1);
    for (size_t k = 0; k < kLatent; ++k) effect.latent[k] = 0.5F * normal(2 + k);
  }
  for (size_t t = 0; t < kNumTables; ++t) strength_[t] = 0.5F + philox_uniform(seed, strength_name, t);
}

LogitParts Teacher::logit(const std::array<float, kNumDense>& logs,
                          const std::array<Token, kNumTables>& tokens) const {
  LogitParts parts;
  std::array<float, kLatent> sum{}, squares{};
  for (size_t i = 0; i < kNumDense; ++i) {
    if (logs[i] < 0) continue;
    const DenseEffect& effect = dense_[i];
    const float x = std::clamp((logs[i] - effect.centre) * effect.scale, -3.0F, 3.0F);
    parts.dense += effect.linear * x + effect.quadratic * (x * x - 1);
    for (size_t k = 0; k < kLatent; ++k) sum[k] += effect.latent[k] * x;
  }
  for (size_t k = 0; k < kLatent; ++k) squares[k] = sum[k] * sum[k];
  static const uint64_t value_name = name_key("synth.value");
  for (uint64_t t = 0; t < kNumTables; ++t) {
    const PhiloxBlock block = philox(seed_, tokens[t].token | t << 32, value_name);
    const float scale = strength_[t] * tokens[t].weight;
    parts.single += scale * centred(block[0]);
    const std::array<uint32_t, kLatent> words = {block[1], block[1] >> 16, block[2], block[2] >> 16};
    for (size_t k = 0; k < kLatent; ++k) {
      const float z = scale * centred(words[k]);
      sum[k] += z;
      squares[k] += z * z;
    }
  }
  for (size_t k = 0; k < kLatent; ++k) parts.pairs += 0.5F * (sum[k] * sum[k] - squares[k]);
  return parts;
}

}  // namespace pss::synth
