// One GPU as one thread sees it: its context, its properties, and the kernels of the embedded fatbins.
//
// PSS_CUDA_KERNELS names a folder whose NAME.fatbin takes the place of the one embedded for NAME.cu: changed
// kernels are tried, and shown to be caught by the tests, without building the addon.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "backend/cuda/driver.h"

namespace pss {

class CudaDevice {
 public:
  // Retains the device's primary context and makes it the calling thread's own, which must make all later
  // calls. Throws ERR_CUDA in one sentence when this build has no kernels, there is no driver, or no such
  // device.
  explicit CudaDevice(int index);
  ~CudaDevice();
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  // Throws ERR_CUDA unless this build's kernels run here.
  void check_kernels() { kernel("dense_input_kernel", "dense_input"); }

  // The kernel `function` of the file `module`.cu; a file's code is loaded when first asked for. With more
  // than 48 KiB of dynamic shared memory it must be allowed here.
  CudaFunctionHandle kernel(const std::string& module, const std::string& function, int shared_bytes = 0);

  const std::string& name() const { return name_; }
  // 10*major + minor of the compute capability: 80 on A100, 90 on H100.
  int compute_capability() const { return compute_capability_; }
  int multiprocessors() const { return multiprocessors_; }
  int64_t memory_bytes() const { return memory_bytes_; }

 private:
  CudaModuleHandle module(const std::string& name);
  const Driver& driver_;
  CudaDeviceNumber device_ = 0;
  CudaContextHandle context_ = nullptr;
  std::string name_;
  int compute_capability_ = 0, multiprocessors_ = 0;
  int64_t memory_bytes_ = 0;
  std::map<std::string, CudaModuleHandle> modules_;
  std::map<std::pair<std::string, std::string>, CudaFunctionHandle> kernels_;
};

}  // namespace pss
