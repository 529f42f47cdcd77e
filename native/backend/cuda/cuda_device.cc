#include "backend/cuda/cuda_device.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "backend/cuda/embedded_fatbins.h"

namespace pss {

namespace {

const Driver& usable_driver() {
  if (kEmbeddedFatbinCount == 0) {
    throw Error(
        "ERR_CUDA",
        "This build has no CUDA kernels, for nvcc wasn't found when it was made; install the CUDA toolkit "
        "and build again, or use device: cpu.");
  }
  return cuda_driver();
}

constexpr int kFreeSharedBytes = 48 << 10;

// The file's contents, or nothing when PSS_CUDA_KERNELS isn't set or has no such fatbin.
std::string replacement_of(const std::string& module) {
  const char* folder = std::getenv("PSS_CUDA_KERNELS");
  if (!folder || !*folder) return {};
  std::ifstream file(std::string(folder) + "/" + module + ".fatbin", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

CudaDevice::CudaDevice(int index) : driver_(usable_driver()) {
  int count = 0;
  PSS_CUDA(driver_.cuDeviceGetCount(&count));
  if (index < 0 || index >= count) {
    throw Error("ERR_CUDA", "There is no GPU " + std::to_string(index) + ": the CUDA driver finds " +
                                std::to_string(count) + "; choose another or use device: cpu.");
  }
  PSS_CUDA(driver_.cuDeviceGet(&device_, index));
  char name[256] = {};
  PSS_CUDA(driver_.cuDeviceGetName(name, sizeof name - 1, device_));
  name_ = name;
  int major = 0, minor = 0;
  PSS_CUDA(driver_.cuDeviceGetAttribute(&major, cuda::kAttributeComputeMajor, device_));
  PSS_CUDA(driver_.cuDeviceGetAttribute(&minor, cuda::kAttributeComputeMinor, device_));
  compute_capability_ = 10 * major + minor;
  PSS_CUDA(driver_.cuDeviceGetAttribute(&multiprocessors_, cuda::kAttributeMultiprocessors, device_));
  size_t bytes = 0;
  PSS_CUDA(driver_.cuDeviceTotalMem(&bytes, device_));
  memory_bytes_ = static_cast<int64_t>(bytes);
  PSS_CUDA(driver_.cuDevicePrimaryCtxRetain(&context_, device_));
  const CudaResult result = driver_.cuCtxSetCurrent(context_);
  if (result != 0) PSS_CUDA_WARN(driver_.cuDevicePrimaryCtxRelease(device_));
  PSS_CUDA(result);
}

CudaDevice::~CudaDevice() {
  for (const auto& [name, module] : modules_) PSS_CUDA_WARN(driver_.cuModuleUnload(module));
  PSS_CUDA_WARN(driver_.cuCtxSetCurrent(nullptr));
  PSS_CUDA_WARN(driver_.cuDevicePrimaryCtxRelease(device_));
}

CudaModuleHandle CudaDevice::module(const std::string& name) {
  CudaModuleHandle& handle = modules_[name];
  if (handle) return handle;
  const std::string replacement = replacement_of(name);
  if (!replacement.empty()) {
    PSS_CUDA(driver_.cuModuleLoadData(&handle, replacement.data()));
    return handle;
  }
  for (size_t i = 0; i < kEmbeddedFatbinCount; i++) {
    if (name != kEmbeddedFatbins[i].name) continue;
    const CudaResult result = driver_.cuModuleLoadData(&handle, kEmbeddedFatbins[i].image);
    if (result == 0) return handle;
    modules_.erase(name);
    if (result == cuda::kErrorNoBinaryForGpu || result == cuda::kErrorUnsupportedPtx) {
      throw Error("ERR_CUDA", "This build has no CUDA kernels that " + name_ + " (compute capability " +
                                  std::to_string(compute_capability_ / 10) + "." +
                                  std::to_string(compute_capability_ % 10) +
                                  ") and its driver can run; build it again with CUDAARCHS=native, or use "
                                  "device: cpu.");
    }
    PSS_CUDA(result);
  }
  modules_.erase(name);
  throw Error("ERR_CUDA", "This build has no CUDA kernels called '" + name + "'; build it again.");
}

CudaFunctionHandle CudaDevice::kernel(const std::string& module_name, const std::string& function,
                                      int shared_bytes) {
  CudaFunctionHandle& handle = kernels_[{module_name, function}];
  if (!handle) PSS_CUDA(driver_.cuModuleGetFunction(&handle, module(module_name), function.c_str()));
  if (shared_bytes > kFreeSharedBytes) {
    PSS_CUDA(driver_.cuFuncSetAttribute(handle, cuda::kFunctionMaxDynamicShared, shared_bytes));
  }
  return handle;
}

}  // namespace pss
