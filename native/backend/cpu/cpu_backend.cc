#include "backend/cpu/cpu_backend.h"

#include <algorithm>
#include <cstring>

#include "base/aligned_buffer.h"

namespace pss {

FloatStorage CpuBackend::allocate(int64_t floats) {
  auto buffer = std::make_shared<AlignedBuffer<float>>(static_cast<size_t>(floats));
  return {buffer->data(), floats, buffer};
}

void CpuBackend::copy_in(float* to, const float* from, int64_t floats) {
  std::memcpy(to, from, static_cast<size_t>(floats) * sizeof(float));
}

void CpuBackend::copy_out(float* to, const float* from, int64_t floats) {
  std::memcpy(to, from, static_cast<size_t>(floats) * sizeof(float));
}

void CpuBackend::fill(float* data, int64_t floats, float value) {
  std::fill(data, data + floats, value);
}

}  // namespace pss
