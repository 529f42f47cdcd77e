#include "backend/cuda/cuda_backend.h"

#include <bit>

namespace pss {

FloatStorage CudaBackend::allocate(int64_t floats) {
  auto memory = std::make_shared<CudaMemory>(static_cast<size_t>(floats) * sizeof(float), stream_);
  return {memory->as<float>(), floats, memory};
}

void CudaBackend::copy_in(float* to, const float* from, int64_t floats) {
  copy_to_device(to, from, static_cast<size_t>(floats) * sizeof(float), stream_);
  stream_.synchronize();
}

void CudaBackend::copy_out(float* to, const float* from, int64_t floats) {
  copy_to_host(to, from, static_cast<size_t>(floats) * sizeof(float), stream_);
  stream_.synchronize();
}

void CudaBackend::fill(float* data, int64_t floats, float value) {
  fill_words(data, std::bit_cast<uint32_t>(value), static_cast<size_t>(floats), stream_);
}

}  // namespace pss
