#include "backend/cuda/gpu_info.h"

#include "backend/cuda/driver.h"

namespace pss {

GpuInfo gpu_info(int index) {
  const Driver& driver = cuda_driver();
  int count = 0;
  PSS_CUDA(driver.cuDeviceGetCount(&count));
  if (index < 0 || index >= count) {
    throw Error("ERR_CUDA", "There is no GPU " + std::to_string(index) + ": the CUDA driver finds " +
                                std::to_string(count) + ".");
  }
  CudaDeviceNumber device = 0;
  PSS_CUDA(driver.cuDeviceGet(&device, index));
  const auto attribute = [&](int which) {
    int value = 0;
    PSS_CUDA(driver.cuDeviceGetAttribute(&value, which, device));
    return value;
  };
  char name[256] = {};
  PSS_CUDA(driver.cuDeviceGetName(name, sizeof name - 1, device));
  size_t bytes = 0;
  PSS_CUDA(driver.cuDeviceTotalMem(&bytes, device));
  return {name,
          10 * attribute(cuda::kAttributeComputeMajor) + attribute(cuda::kAttributeComputeMinor),
          attribute(cuda::kAttributeMultiprocessors),
          attribute(cuda::kAttributeClock),
          attribute(cuda::kAttributeMemoryClock),
          attribute(cuda::kAttributeMemoryBusWidth),
          static_cast<int64_t>(bytes)};
}

}  // namespace pss
