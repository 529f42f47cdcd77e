// The host's own memory.
#pragma once

#include "backend/backend.h"

namespace pss {

class CpuBackend : public Backend {
 public:
  FloatStorage allocate(int64_t floats) override;
  void copy_in(float* to, const float* from, int64_t floats) override;
  void copy_out(float* to, const float* from, int64_t floats) override;
  void fill(float* data, int64_t floats, float value) override;
  bool on_host() const override { return true; }
};

}  // namespace pss
