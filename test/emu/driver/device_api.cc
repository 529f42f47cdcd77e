// cuInit, cuDevice*, cuCtx*, cuDevicePrimaryCtx*: one device with one context.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "counter_report.h"
#include "graphs.h"
#include "launch.h"
#include "memory.h"
#include "streams.h"

using namespace emu;

namespace {

int attribute_value(CUdevice_attribute attribute) {
  const int capability = options().capability;
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      return capability / 10;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      return capability % 10;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
      return options().num_sms;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
      return 1024;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
      return 64;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
      return 2147483647;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
      return 65535;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
      return 32;
    case CU_DEVICE_ATTRIBUTE_MAX_PITCH:
      return 2147483647;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
      return kDefaultShared;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
      return most_shared_bytes();
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
      return shared_bytes_of_processor();
    case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
      return 1024;
    case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY:
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
      return 65536;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
      return 2048;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
      return 32;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
      return 50 << 20;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
      return 1000000;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
      return 1024;
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
      return 2;
    case CU_DEVICE_ATTRIBUTE_GPU_OVERLAP:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
    case CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM:
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
      return 1;
    default:
      return 0;
  }
}

CUresult known(CUdevice device) {
  return device ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

}  // namespace

EMU_API cuInit(unsigned flags) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  if (!initialised && !reserve_address_space())
    return fail(CUDA_ERROR_OUT_OF_MEMORY, "no address space to reserve");
  if (initialised) return CUDA_SUCCESS;
  runtime_options() = options().runtime;
  std::atexit(report_at_end);  // registered last, so it runs while everything it reads is still there
  initialised = true;
  return CUDA_SUCCESS;
}
EMU_API cuDriverGetVersion(int* version) {
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}
EMU_API cuDeviceGetCount(int* count) {
  EMU_ENTER_WITHOUT_CONTEXT();
  *count = 1;
  return CUDA_SUCCESS;
}
EMU_API cuDeviceGet(CUdevice* device, int number) {
  EMU_ENTER_WITHOUT_CONTEXT();
  *device = 0;
  return known(number);
}
EMU_API cuDeviceGetName(char* name, int size, CUdevice device) {
  std::snprintf(name, static_cast<size_t>(size), "Emulated GPU (sm_%d)", options().capability);
  return known(device);
}
EMU_API cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  std::memcpy(uuid->bytes, "Emulated GPU 000", sizeof uuid->bytes);
  return known(device);
}
EMU_API cuDeviceGetPCIBusId(char* id, int size, CUdevice device) {
  std::snprintf(id, static_cast<size_t>(size), "0000:00:00.0");
  return known(device);
}
EMU_API cuDeviceTotalMem(size_t* size, CUdevice device) {
  *size = options().memory_bytes;
  return known(device);
}
EMU_API cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  *value = attribute_value(attribute);
  return known(device);
}
EMU_API cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
  *major = options().capability / 10;
  *minor = options().capability % 10;
  return known(device);
}
EMU_API cuDeviceCanAccessPeer(int* can, CUdevice, CUdevice) {
  *can = 0;
  return CUDA_SUCCESS;
}

EMU_API cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  EMU_ENTER_WITHOUT_CONTEXT();
  EMU_TRY(known(device));
  retained++;
  *context = the_context();
  return CUDA_SUCCESS;
}
EMU_API cuDevicePrimaryCtxRelease(CUdevice device) {
  EMU_ENTER_WITHOUT_CONTEXT();
  if (device || !retained) {
    return fail(CUDA_ERROR_INVALID_CONTEXT, "cuDevicePrimaryCtxRelease without a matching retain");
  }
  if (--retained) return CUDA_SUCCESS;
  report_leaks();
  drop_all();
  while (!allocations.empty()) discard(allocations.begin()->first);
  return CUDA_SUCCESS;
}
EMU_API cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  EMU_ENTER_WITHOUT_CONTEXT();
  *flags = 0;
  *active = retained > 0;
  return known(device);
}
EMU_API cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned) {
  EMU_ENTER_WITHOUT_CONTEXT();
  return known(device);
}
EMU_API cuCtxSetCurrent(CUcontext context) {
  EMU_ENTER_WITHOUT_CONTEXT();
  if (context && (context != the_context() || !retained)) {
    return fail(CUDA_ERROR_INVALID_CONTEXT, "cuCtxSetCurrent of an unknown or released context");
  }
  has_context = context != nullptr;
  return CUDA_SUCCESS;
}
EMU_API cuCtxGetCurrent(CUcontext* context) {
  *context = has_context ? the_context() : nullptr;
  return CUDA_SUCCESS;
}
EMU_API cuCtxPushCurrent(CUcontext context) {
  return cuCtxSetCurrent(context);
}
EMU_API cuCtxPopCurrent(CUcontext* context) {
  if (context) cuCtxGetCurrent(context);
  return cuCtxSetCurrent(nullptr);
}
EMU_API cuCtxGetDevice(CUdevice* device) {
  *device = 0;
  return has_context ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}
EMU_API cuCtxGetApiVersion(CUcontext, unsigned* version) {
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}
EMU_API cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  EMU_ENTER();
  if (least) *least = 0;
  if (greatest) *greatest = -5;
  return CUDA_SUCCESS;
}
EMU_API cuCtxGetLimit(size_t* value, CUlimit) {
  EMU_ENTER();
  *value = options().runtime.stack_bytes;
  return CUDA_SUCCESS;
}
EMU_API cuCtxSetLimit(CUlimit, size_t) {
  EMU_ENTER();
  return CUDA_SUCCESS;
}
EMU_API cuCtxSynchronize() {
  EMU_ENTER();
  EMU_TRY(refuse_any_capture("cuCtxSynchronize"));
  run_all();
  return broken;
}
// The older name that libcuda.so.1 exports beside the newer one, with the same meaning.
#undef cuDevicePrimaryCtxRelease
EMU_API cuDevicePrimaryCtxRelease(CUdevice device) {
  return cuDevicePrimaryCtxRelease_v2(device);
}
