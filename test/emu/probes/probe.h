// A program of small cases that use the driver as any CUDA program would: one table of functions, loaded at
// run time.
//   probe list GROUP   the names of a group's cases
//   probe NAME         runs one; exit 0 when it holds, 1 with a message when not
// $PSS_CUDA_DRIVER is the driver, $EMU_KERNELS the folder of the fatbins.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#define EMU_TEXT2(x) #x
#define EMU_TEXT(x) EMU_TEXT2(x)  // the name after cuda.h's macros, as libraries export it

// clang-format off
#define DRIVER_FUNCTIONS(F) F(cuInit) F(cuDriverGetVersion) F(cuDeviceGetCount) F(cuDeviceGet) F(cuDeviceGetName) \
  F(cuDeviceGetUuid) F(cuDeviceGetAttribute) F(cuDeviceTotalMem) F(cuDevicePrimaryCtxRetain) F(cuDevicePrimaryCtxRelease) \
  F(cuCtxSetCurrent) F(cuCtxGetCurrent) F(cuCtxSynchronize) F(cuMemAlloc) F(cuMemFree) F(cuMemAllocAsync) F(cuMemFreeAsync) \
  F(cuMemAllocFromPoolAsync) F(cuMemPoolCreate) F(cuMemPoolDestroy) F(cuMemPoolSetAttribute) F(cuMemPoolGetAttribute) \
  F(cuDeviceGetDefaultMemPool) F(cuMemHostAlloc) F(cuMemFreeHost) F(cuMemHostRegister) F(cuMemHostUnregister) \
  F(cuMemHostGetDevicePointer) F(cuPointerGetAttribute) F(cuMemGetAddressRange) F(cuMemcpyHtoD) F(cuMemcpyDtoH) \
  F(cuMemcpyDtoD) F(cuMemcpyHtoDAsync) F(cuMemcpyDtoHAsync) F(cuMemcpyDtoDAsync) F(cuMemcpy2D) F(cuMemcpy2DAsync) \
  F(cuMemcpyAsync) F(cuMemsetD8) F(cuMemsetD32) F(cuMemsetD8Async) F(cuMemsetD32Async) F(cuMemsetD2D32Async) \
  F(cuStreamCreate) F(cuStreamDestroy) F(cuStreamSynchronize) F(cuStreamQuery) F(cuStreamWaitEvent) F(cuEventCreate) \
  F(cuEventRecord) F(cuEventQuery) F(cuEventSynchronize) F(cuEventElapsedTime) F(cuEventDestroy) F(cuLaunchHostFunc) \
  F(cuModuleLoadData) F(cuModuleLoadDataEx) F(cuModuleUnload) F(cuModuleGetFunction) F(cuModuleGetGlobal) \
  F(cuFuncGetAttribute) F(cuFuncSetAttribute) F(cuOccupancyMaxActiveBlocksPerMultiprocessor) F(cuLaunchKernel) \
  F(cuLaunchCooperativeKernel) F(cuGetErrorName) F(cuGetErrorString) F(cuGetProcAddress) F(cuStreamBeginCapture) \
  F(cuStreamEndCapture) F(cuStreamIsCapturing) F(cuGraphGetNodes) F(cuGraphNodeGetType) F(cuGraphInstantiate) \
  F(cuGraphLaunch) F(cuGraphExecUpdate) F(cuGraphExecKernelNodeSetParams) F(cuGraphDestroy) F(cuGraphExecDestroy)
// clang-format on

struct Driver {
#define F(f) decltype(&::f) f##_;
  DRIVER_FUNCTIONS(F)
#undef F
  const char* (*message)();  // the emulated driver's last message
};
extern Driver d;
extern CUcontext context;

[[noreturn]] void stop(const char* file, int line, const std::string& why);
const char* error_name(CUresult code);

#define CHECK(x)                                                                 \
  do {                                                                           \
    const CUresult r_ = (x);                                                     \
    if (r_) stop(__FILE__, __LINE__, std::string(#x " gave ") + error_name(r_)); \
  } while (0)
#define EXPECT(x, code)                                                                                     \
  do {                                                                                                      \
    const CUresult r_ = (x);                                                                                \
    if (r_ != (code)) stop(__FILE__, __LINE__, std::string(#x " gave ") + error_name(r_) + ", not " #code); \
  } while (0)
#define REQUIRE(x)                                          \
  do {                                                      \
    if (!(x)) stop(__FILE__, __LINE__, #x " doesn't hold"); \
  } while (0)

struct Case {
  std::string group, name;
  void (*run)();
};
std::vector<Case>& cases();
struct Registered {
  Registered(const char* group, const char* name, void (*run)()) { cases().push_back({group, name, run}); }
};
#define PROBE(group, name)                                                          \
  static void group##_##name();                                                     \
  static const Registered register_##group##_##name(#group, #name, group##_##name); \
  static void group##_##name()

// A kernel of kernels/FILE.cu.
CUfunction kernel(const char* file, const char* name);
CUmodule module_of(const char* file);
const std::vector<char>& image_of(const char* file);

struct Shape {
  unsigned gx = 1, gy = 1, gz = 1, bx = 1, by = 1, bz = 1, dynamic = 0;
};
template <class... A>
CUresult launch_on(CUstream s, CUfunction f, const Shape& g, A... a) {
  void* p[] = {&a..., nullptr};
  return d.cuLaunchKernel_(f, g.gx, g.gy, g.gz, g.bx, g.by, g.bz, g.dynamic, s, p, nullptr);
}
template <class... A>
CUresult launch(CUfunction f, unsigned blocks, unsigned threads, CUstream s, A... a) {
  Shape shape;
  shape.gx = blocks, shape.bx = threads;
  return launch_on(s, f, shape, a...);
}

CUstream make_stream(unsigned flags = CU_STREAM_NON_BLOCKING);
CUevent make_event(unsigned flags = CU_EVENT_DISABLE_TIMING);
bool said(const char* text);  // whether the last message has this in it

std::uint64_t mix64(std::uint64_t x);
std::vector<float> random_values(size_t n, unsigned seed);  // in [−1, 1)

template <class T>
struct Device {
  CUdeviceptr p = 0;
  size_t n;
  explicit Device(size_t count) : n(count) { CHECK(d.cuMemAlloc_(&p, n * sizeof(T))); }
  explicit Device(const std::vector<T>& v) : Device(v.size()) {
    CHECK(d.cuMemcpyHtoD_(p, v.data(), n * sizeof(T)));
  }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  ~Device() {
    if (p) d.cuMemFree_(p);
  }
  std::vector<T> get() const {
    std::vector<T> v(n);
    CHECK(d.cuMemcpyDtoH_(v.data(), p, n * sizeof(T)));
    return v;
  }
};
