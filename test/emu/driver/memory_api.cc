// cuMem*: allocation, pools, pinned and registered host memory, what an address is.
#include <sys/mman.h>

#include <memory>
#include <set>

#include "graphs.h"
#include "memory.h"
#include "streams.h"

using namespace emu;

namespace {

Pool default_pool;
Pool* current_pool = &default_pool;
std::set<Pool*> pools;

Pool* find_pool(CUmemoryPool handle) {
  auto pool = reinterpret_cast<Pool*>(handle);
  if (pool == &default_pool || pools.count(pool)) return pool;
  fail(CUDA_ERROR_INVALID_HANDLE, "%p is not a live memory pool", static_cast<void*>(handle));
  return nullptr;
}

CUresult allocate_async(CUdeviceptr* out, size_t size, Pool* pool, CUstream handle) {
  Stream* s = find_stream(handle);
  if (!s || !pool) return CUDA_ERROR_INVALID_HANDLE;
  if (s->capture) return refuse_in_capture(*s, "cuMemAllocAsync (memory nodes of graphs are not emulated)");
  EMU_TRY(allocate(out, size, Allocation::kPlanned, pool));
  const u64 address = *out;
  return submit(s, Work::memory([address] {
                  allocations[address].state = Allocation::kLive;
                  region_version++;
                }));
}

CUresult release_host(void* p, Allocation::Kind kind, const char* call) {
  EMU_TRY(refuse_while_capturing(call));
  Allocation* m;
  EMU_TRY(find_releasable(reinterpret_cast<u64>(p), kind, call, &m));
  run_all();
  discard(reinterpret_cast<u64>(p));
  return broken;
}

}  // namespace

EMU_API cuMemGetInfo(size_t* available, size_t* total) {
  EMU_ENTER();
  *total = options().memory_bytes;
  *available = *total - bytes_in_use;
  return CUDA_SUCCESS;
}
EMU_API cuMemAlloc(CUdeviceptr* out, size_t size) {
  EMU_ENTER();
  EMU_TRY(refuse_while_capturing("cuMemAlloc"));
  return allocate(out, size, Allocation::kLive, nullptr);
}
EMU_API cuMemAllocPitch(CUdeviceptr* out, size_t* pitch, size_t width, size_t height, unsigned) {
  EMU_ENTER();
  EMU_TRY(refuse_while_capturing("cuMemAllocPitch"));
  *pitch = (width + 511) / 512 * 512;
  return allocate(out, *pitch * height, Allocation::kLive, nullptr);
}
EMU_API cuMemFree(CUdeviceptr p) {
  EMU_ENTER();
  EMU_TRY(refuse_while_capturing("cuMemFree"));
  if (!p) return CUDA_SUCCESS;
  Allocation* m;
  EMU_TRY(find_releasable(p, Allocation::kDevice, "cuMemFree", &m));
  run_all();
  discard(p);
  return broken;
}
EMU_API cuMemAllocAsync(CUdeviceptr* out, size_t size, CUstream stream) {
  EMU_ENTER();
  return allocate_async(out, size, current_pool, stream);
}
EMU_API cuMemAllocFromPoolAsync(CUdeviceptr* out, size_t size, CUmemoryPool pool, CUstream stream) {
  EMU_ENTER();
  return allocate_async(out, size, find_pool(pool), stream);
}
EMU_API cuMemFreeAsync(CUdeviceptr p, CUstream handle) {
  EMU_ENTER();
  Stream* s = find_stream(handle);
  if (!s) return CUDA_ERROR_INVALID_HANDLE;
  if (s->capture) return refuse_in_capture(*s, "cuMemFreeAsync (memory nodes of graphs are not emulated)");
  Allocation* m;
  EMU_TRY(find_releasable(p, Allocation::kDevice, "cuMemFreeAsync", &m));
  m->released = true;
  return submit(s, Work::memory([p] { discard(p); }));
}

EMU_API cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice) {
  EMU_ENTER_WITHOUT_CONTEXT();
  *pool = reinterpret_cast<CUmemoryPool>(&default_pool);
  return CUDA_SUCCESS;
}
EMU_API cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice) {
  EMU_ENTER_WITHOUT_CONTEXT();
  *pool = reinterpret_cast<CUmemoryPool>(current_pool);
  return CUDA_SUCCESS;
}
EMU_API cuDeviceSetMemPool(CUdevice, CUmemoryPool handle) {
  EMU_ENTER_WITHOUT_CONTEXT();
  Pool* pool = find_pool(handle);
  if (!pool) return CUDA_ERROR_INVALID_HANDLE;
  current_pool = pool;
  return CUDA_SUCCESS;
}
EMU_API cuMemPoolCreate(CUmemoryPool* out, const CUmemPoolProps*) {
  EMU_ENTER_WITHOUT_CONTEXT();
  *out = reinterpret_cast<CUmemoryPool>(*pools.insert(new Pool).first);
  return CUDA_SUCCESS;
}
EMU_API cuMemPoolDestroy(CUmemoryPool handle) {
  EMU_ENTER_WITHOUT_CONTEXT();
  Pool* pool = find_pool(handle);
  if (!pool || pool == &default_pool) return CUDA_ERROR_INVALID_HANDLE;
  if (pool == current_pool) current_pool = &default_pool;
  // Memory that is still in use outlives its pool.
  for (auto& [address, m] : allocations) {
    if (m.pool == pool) m.pool = nullptr;
  }
  pools.erase(pool);
  delete pool;
  return CUDA_SUCCESS;
}
EMU_API cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void* value) {
  EMU_ENTER_WITHOUT_CONTEXT();
  Pool* pool = find_pool(handle);
  if (!pool) return CUDA_ERROR_INVALID_HANDLE;
  if (attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD)
    pool->release_threshold = *static_cast<cuuint64_t*>(value);
  if (attribute == CU_MEMPOOL_ATTR_USED_MEM_HIGH || attribute == CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH) {
    if (*static_cast<cuuint64_t*>(value)) return CUDA_ERROR_INVALID_VALUE;
    pool->most_in_use = pool->in_use;
  }
  return CUDA_SUCCESS;
}
EMU_API cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void* value) {
  EMU_ENTER_WITHOUT_CONTEXT();
  Pool* pool = find_pool(handle);
  if (!pool) return CUDA_ERROR_INVALID_HANDLE;
  switch (attribute) {
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      *static_cast<cuuint64_t*>(value) = pool->release_threshold;
      break;
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
      *static_cast<cuuint64_t*>(value) = pool->in_use;
      break;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
      *static_cast<cuuint64_t*>(value) = pool->most_in_use;
      break;
    default:
      *static_cast<int*>(value) = 1;  // the three reuse policies, on by default
  }
  return CUDA_SUCCESS;
}
EMU_API cuMemPoolTrimTo(CUmemoryPool handle, size_t) {
  EMU_ENTER_WITHOUT_CONTEXT();
  return find_pool(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
EMU_API cuMemPoolSetAccess(CUmemoryPool handle, const CUmemAccessDesc*, size_t) {
  EMU_ENTER_WITHOUT_CONTEXT();
  return find_pool(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

EMU_API cuMemHostAlloc(void** out, size_t size, unsigned) {
  EMU_ENTER();
  EMU_TRY(refuse_while_capturing("cuMemHostAlloc"));
  if (!out || !size) return CUDA_ERROR_INVALID_VALUE;
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  poison(p, size);
  *out = p;
  return add_host_memory(p, size, Allocation::kPinned);
}
EMU_API cuMemAllocHost(void** out, size_t size) {
  return cuMemHostAlloc(out, size, 0);
}
EMU_API cuMemFreeHost(void* p) {
  EMU_ENTER();
  return release_host(p, Allocation::kPinned, "cuMemFreeHost");
}
EMU_API cuMemHostRegister(void* p, size_t size, unsigned) {
  EMU_ENTER();
  EMU_TRY(refuse_while_capturing("cuMemHostRegister"));
  const u64 address = reinterpret_cast<u64>(p);
  if (!p || !size) return fail(CUDA_ERROR_INVALID_VALUE, "cuMemHostRegister of %zu bytes at %p", size, p);
  if (is_device_address(address)) return fail(CUDA_ERROR_INVALID_VALUE, "cuMemHostRegister of device memory");
  if (find_allocation(address) || find_allocation(address + size - 1)) {
    return fail(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "cuMemHostRegister(%p): it is %s", p,
                describe(address).c_str());
  }
  return add_host_memory(p, size, Allocation::kRegistered);
}
EMU_API cuMemHostUnregister(void* p) {
  EMU_ENTER();
  auto found = allocations.find(reinterpret_cast<u64>(p));
  if (found == allocations.end() || found->second.kind != Allocation::kRegistered) {
    return fail(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "cuMemHostUnregister(%p): it was not registered", p);
  }
  return release_host(p, Allocation::kRegistered, "cuMemHostUnregister");
}
EMU_API cuMemHostGetDevicePointer(CUdeviceptr* out, void* p, unsigned) {
  EMU_ENTER();
  Allocation* m = find_allocation(reinterpret_cast<u64>(p));
  if (!m || m->kind == Allocation::kDevice) {
    return fail(CUDA_ERROR_INVALID_VALUE, "cuMemHostGetDevicePointer(%p): neither pinned nor registered", p);
  }
  *out = reinterpret_cast<CUdeviceptr>(p);  // one address space, as with unified addressing
  return CUDA_SUCCESS;
}
EMU_API cuMemHostGetFlags(unsigned* flags, void* p) {
  EMU_ENTER();
  *flags = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP;
  return find_allocation(reinterpret_cast<u64>(p)) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

EMU_API cuMemGetAddressRange(CUdeviceptr* base, size_t* size, CUdeviceptr p) {
  EMU_ENTER();
  Allocation* m = find_allocation(p);
  if (!m) return fail(CUDA_ERROR_NOT_FOUND, "cuMemGetAddressRange(0x%llx): it is %s", p, describe(p).c_str());
  if (base) *base = m->address;
  if (size) *size = m->size;
  return CUDA_SUCCESS;
}
EMU_API cuPointerGetAttribute(void* out, CUpointer_attribute attribute, CUdeviceptr p) {
  EMU_ENTER();
  Allocation* m = find_allocation(p);
  if (!m) return CUDA_ERROR_INVALID_VALUE;
  const bool on_host = m->kind != Allocation::kDevice;
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      *static_cast<CUcontext*>(out) = the_context();
      break;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      *static_cast<unsigned*>(out) = on_host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
      break;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      *static_cast<CUdeviceptr*>(out) = p;
      break;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (!on_host) return CUDA_ERROR_INVALID_VALUE;
      *static_cast<CUdeviceptr*>(out) = p;
      break;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
      *static_cast<u64*>(out) = m->number;
      break;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
      *static_cast<unsigned*>(out) = 0;
      break;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      *static_cast<int*>(out) = 0;
      break;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      *static_cast<CUdeviceptr*>(out) = m->address;
      break;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      *static_cast<size_t*>(out) = m->size;
      break;
    default:
      return fail(CUDA_ERROR_NOT_SUPPORTED, "cuPointerGetAttribute: attribute %d is not emulated", attribute);
  }
  return CUDA_SUCCESS;
}
