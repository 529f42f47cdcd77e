// A GPU, the stream on which a program's work runs, and its memory.
#pragma once

#include "backend/backend.h"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/cuda_resources.h"

namespace pss {

class CudaBackend : public Backend {
 public:
  // Throws as CudaDevice.
  explicit CudaBackend(int device_index) : device_(device_index) {}
  FloatStorage allocate(int64_t floats) override;
  // Both wait for all earlier work of the stream.
  void copy_in(float* to, const float* from, int64_t floats) override;
  void copy_out(float* to, const float* from, int64_t floats) override;
  void fill(float* data, int64_t floats, float value) override;
  bool on_host() const override { return false; }
  CudaDevice& device() { return device_; }
  const CudaStream& stream() const { return stream_; }

 private:
  CudaDevice device_;
  CudaStream stream_;
};

}  // namespace pss
