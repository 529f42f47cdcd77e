// The CUDA driver's functions, found at run time: nothing of CUDA is linked, and its headers aren't needed.
//
// `libcuda.so.1` comes with NVIDIA's kernel driver; PSS_CUDA_DRIVER names another file that serves the same
// functions. A function that a driver lacks is an empty entry: calling it throws, and asking whether it is
// there doesn't.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace pss {

// The driver's own types, as its binary interface has them.
using CudaResult = int;
using CudaDeviceNumber = int;
using CudaPointer = uint64_t;
using CudaContextHandle = struct CudaContextOpaque*;
using CudaModuleHandle = struct CudaModuleOpaque*;
using CudaFunctionHandle = struct CudaFunctionOpaque*;
using CudaStreamHandle = struct CudaStreamOpaque*;
using CudaEventHandle = struct CudaEventOpaque*;
using CudaGraphHandle = struct CudaGraphOpaque*;
using CudaGraphExecHandle = struct CudaGraphExecOpaque*;

namespace cuda {
// Values of the driver's enumerations that are used here, under their own names.
constexpr CudaResult kErrorOutOfMemory = 2, kErrorNoBinaryForGpu = 209, kErrorUnsupportedPtx = 222;
constexpr unsigned kStreamNonBlocking = 1, kEventDefault = 0, kEventDisableTiming = 2;
constexpr int kAttributeSharedMemoryPerBlockOptin = 97, kAttributeMultiprocessors = 16;
constexpr int kAttributeComputeMajor = 75, kAttributeComputeMinor = 76;
constexpr int kAttributeClock = 13, kAttributeMemoryClock = 36, kAttributeMemoryBusWidth = 37;
constexpr int kFunctionMaxDynamicShared = 8;
constexpr int kCaptureThreadLocal = 1;
}  // namespace cuda

// One function of the driver, or nothing.
template <typename Signature>
class DriverEntry;

template <typename... Arguments>
class DriverEntry<CudaResult(Arguments...)> {
 public:
  using Function = CudaResult (*)(Arguments...);
  void set(const char* name, void* address) {
    name_ = name;
    function_ = reinterpret_cast<Function>(address);
  }
  explicit operator bool() const { return function_ != nullptr; }
  CudaResult operator()(Arguments... arguments) const {
    if (!function_) {
      throw Error("ERR_CUDA", std::string("The CUDA driver has no ") + name_ + "; install a newer driver.");
    }
    return function_(arguments...);
  }

 private:
  const char* name_ = "";
  Function function_ = nullptr;
};

// X(member, name in the library, parameter types...). The names are those that cuda.h's macros give.
#define PSS_CUDA_DRIVER_FUNCTIONS(X)                                                                        \
  X(cuInit, "cuInit", unsigned)                                                                             \
  X(cuDriverGetVersion, "cuDriverGetVersion", int*)                                                         \
  X(cuGetErrorName, "cuGetErrorName", CudaResult, const char**)                                             \
  X(cuGetErrorString, "cuGetErrorString", CudaResult, const char**)                                         \
  X(cuDeviceGetCount, "cuDeviceGetCount", int*)                                                             \
  X(cuDeviceGet, "cuDeviceGet", CudaDeviceNumber*, int)                                                     \
  X(cuDeviceGetName, "cuDeviceGetName", char*, int, CudaDeviceNumber)                                       \
  X(cuDeviceGetAttribute, "cuDeviceGetAttribute", int*, int, CudaDeviceNumber)                              \
  X(cuDeviceTotalMem, "cuDeviceTotalMem_v2", size_t*, CudaDeviceNumber)                                     \
  X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", CudaContextHandle*, CudaDeviceNumber)             \
  X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", CudaDeviceNumber)                            \
  X(cuCtxSetCurrent, "cuCtxSetCurrent", CudaContextHandle)                                                  \
  X(cuModuleLoadData, "cuModuleLoadData", CudaModuleHandle*, const void*)                                   \
  X(cuModuleUnload, "cuModuleUnload", CudaModuleHandle)                                                     \
  X(cuModuleGetFunction, "cuModuleGetFunction", CudaFunctionHandle*, CudaModuleHandle, const char*)         \
  X(cuFuncSetAttribute, "cuFuncSetAttribute", CudaFunctionHandle, int, int)                                 \
  X(cuLaunchKernel, "cuLaunchKernel", CudaFunctionHandle, unsigned, unsigned, unsigned, unsigned, unsigned, \
    unsigned, unsigned, CudaStreamHandle, void**, void**)                                                   \
  X(cuMemAlloc, "cuMemAlloc_v2", CudaPointer*, size_t)                                                      \
  X(cuMemFree, "cuMemFree_v2", CudaPointer)                                                                 \
  X(cuMemHostAlloc, "cuMemHostAlloc", void**, size_t, unsigned)                                             \
  X(cuMemFreeHost, "cuMemFreeHost", void*)                                                                  \
  X(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", CudaPointer, const void*, size_t, CudaStreamHandle)          \
  X(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", void*, CudaPointer, size_t, CudaStreamHandle)                \
  X(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2", CudaPointer, CudaPointer, size_t, CudaStreamHandle)          \
  X(cuMemsetD32Async, "cuMemsetD32Async", CudaPointer, unsigned, size_t, CudaStreamHandle)                  \
  X(cuStreamCreate, "cuStreamCreate", CudaStreamHandle*, unsigned)                                          \
  X(cuStreamDestroy, "cuStreamDestroy_v2", CudaStreamHandle)                                                \
  X(cuStreamSynchronize, "cuStreamSynchronize", CudaStreamHandle)                                           \
  X(cuStreamWaitEvent, "cuStreamWaitEvent", CudaStreamHandle, CudaEventHandle, unsigned)                    \
  X(cuEventCreate, "cuEventCreate", CudaEventHandle*, unsigned)                                             \
  X(cuEventDestroy, "cuEventDestroy_v2", CudaEventHandle)                                                   \
  X(cuEventRecord, "cuEventRecord", CudaEventHandle, CudaStreamHandle)                                      \
  X(cuEventSynchronize, "cuEventSynchronize", CudaEventHandle)                                              \
  X(cuEventElapsedTime, "cuEventElapsedTime", float*, CudaEventHandle, CudaEventHandle)                     \
  X(cuStreamBeginCapture, "cuStreamBeginCapture_v2", CudaStreamHandle, int)                                 \
  X(cuStreamEndCapture, "cuStreamEndCapture", CudaStreamHandle, CudaGraphHandle*)                           \
  X(cuGraphInstantiate, "cuGraphInstantiateWithFlags", CudaGraphExecHandle*, CudaGraphHandle,               \
    unsigned long long)                                                                                     \
  X(cuGraphLaunch, "cuGraphLaunch", CudaGraphExecHandle, CudaStreamHandle)                                  \
  X(cuGraphExecDestroy, "cuGraphExecDestroy", CudaGraphExecHandle)                                          \
  X(cuGraphDestroy, "cuGraphDestroy", CudaGraphHandle)

struct Driver {
#define PSS_CUDA_ENTRY(member, name, ...) DriverEntry<CudaResult(__VA_ARGS__)> member;
  PSS_CUDA_DRIVER_FUNCTIONS(PSS_CUDA_ENTRY)
#undef PSS_CUDA_ENTRY
  std::string path;  // the file it was loaded from

  bool has_graphs() const { return cuStreamBeginCapture && cuGraphInstantiate && cuGraphLaunch; }
};

// The process's driver, loaded and initialised by the first call. Throws ERR_CUDA in one sentence when there
// is none or it finds no device; a later call tries again.
const Driver& cuda_driver();

// Throws ERR_CUDA (ERR_MEMORY when memory ran out) unless `result` is success.
void check_cuda(CudaResult result, const char* expression, const char* file, int line);
// Prints to stderr instead: for destructors.
void warn_cuda(CudaResult result, const char* expression, const char* file, int line) noexcept;

}  // namespace pss

// Calls a driver function and checks it: PSS_CUDA(driver.cuMemAlloc(&pointer, bytes)).
#define PSS_CUDA(expression) ::pss::check_cuda((expression), #expression, __FILE__, __LINE__)
#define PSS_CUDA_WARN(expression) ::pss::warn_cuda((expression), #expression, __FILE__, __LINE__)
