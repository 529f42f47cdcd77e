// Memory of all kinds, copies in two dimensions, what the driver says about itself.
#include "probe.h"
using std::vector;

PROBE(memory, copies_in_two_dimensions) {
  const size_t width = 20, height = 7, device_pitch = 64, host_pitch = 32;
  vector<unsigned char> host(host_pitch * height), back(host_pitch * height, 9);
  for (size_t i = 0; i < host.size(); i++) host[i] = static_cast<unsigned char>(i * 7);
  Device<unsigned char> there(device_pitch * height);
  CHECK(d.cuMemsetD8_(there.p, 1, device_pitch * height));
  CUDA_MEMCPY2D up = {};
  up.srcMemoryType = CU_MEMORYTYPE_HOST, up.srcHost = host.data(), up.srcPitch = host_pitch,
  up.srcXInBytes = 4;
  up.dstMemoryType = CU_MEMORYTYPE_DEVICE, up.dstDevice = there.p, up.dstPitch = device_pitch,
  up.dstXInBytes = 8;
  up.dstY = 1, up.WidthInBytes = width, up.Height = height - 1;
  CHECK(d.cuMemcpy2D_(&up));
  auto all = there.get();
  for (size_t y = 0; y < height; y++) {
    for (size_t x = 0; x < device_pitch; x++) {
      const bool inside = y >= 1 && x >= 8 && x < 8 + width;
      REQUIRE(all[y * device_pitch + x] == (inside ? host[(y - 1) * host_pitch + x - 8 + 4] : 1));
    }
  }
  CUDA_MEMCPY2D down = {};
  down.srcMemoryType = CU_MEMORYTYPE_DEVICE, down.srcDevice = there.p, down.srcPitch = device_pitch;
  down.srcXInBytes = 8, down.srcY = 1, down.dstMemoryType = CU_MEMORYTYPE_HOST, down.dstHost = back.data();
  down.dstPitch = host_pitch, down.WidthInBytes = width, down.Height = height - 1;
  CUstream s = make_stream();
  CHECK(d.cuMemcpy2DAsync_(&down, s));
  CHECK(d.cuStreamSynchronize_(s));
  for (size_t y = 0; y < height; y++) {
    for (size_t x = 0; x < host_pitch; x++) {
      const bool inside = y < height - 1 && x < width;
      REQUIRE(back[y * host_pitch + x] == (inside ? host[y * host_pitch + x + 4] : 9));
    }
  }
  up.Height = height;
  EXPECT(d.cuMemcpy2D_(&up), CUDA_ERROR_INVALID_VALUE);  // one row too many
  CHECK(d.cuMemsetD2D32Async_(there.p + 4, device_pitch, 0x01020304, 3, 2, s));
  CHECK(d.cuStreamSynchronize_(s));
  all = there.get();
  REQUIRE(all[3] == 1 && all[4] == 4 && all[15] == 1 && all[device_pitch + 4] == 4 &&
          all[2 * device_pitch + 4] == 1);
}

PROBE(memory, pools_count_what_is_in_use) {
  CUstream s = make_stream();
  CUmemPoolProps properties = {};
  CUmemoryPool pool, standard;
  CHECK(d.cuDeviceGetDefaultMemPool_(&standard, 0));
  CHECK(d.cuMemPoolCreate_(&pool, &properties));
  cuuint64_t threshold = UINT64_MAX, value;
  CHECK(d.cuMemPoolSetAttribute_(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
  CHECK(d.cuMemPoolGetAttribute_(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value));
  REQUIRE(value == UINT64_MAX);
  CUdeviceptr a, b;
  CHECK(d.cuMemAllocFromPoolAsync_(&a, 1000, pool, s));
  CHECK(d.cuMemAllocFromPoolAsync_(&b, 24, pool, s));
  CHECK(d.cuMemsetD8Async_(a, 3, 1000, s));
  CHECK(d.cuMemFreeAsync_(b, s));
  EXPECT(d.cuMemFreeAsync_(b, s), CUDA_ERROR_INVALID_VALUE);
  CHECK(d.cuStreamSynchronize_(s));
  CHECK(d.cuMemPoolGetAttribute_(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &value));
  REQUIRE(value == 1000);
  CHECK(d.cuMemPoolGetAttribute_(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, &value));
  REQUIRE(value == 1024);
  CHECK(d.cuMemFreeAsync_(a, s));
  CHECK(d.cuStreamSynchronize_(s));
  CHECK(d.cuMemPoolDestroy_(pool));
  EXPECT(d.cuMemAllocFromPoolAsync_(&a, 16, pool, s), CUDA_ERROR_INVALID_HANDLE);
}

PROBE(memory, kernels_reach_pinned_and_registered_memory) {
  float* pinned;
  CHECK(d.cuMemHostAlloc_(reinterpret_cast<void**>(&pinned), 1024, CU_MEMHOSTALLOC_DEVICEMAP));
  vector<float> own(256);
  CHECK(d.cuMemHostRegister_(own.data(), 1024, CU_MEMHOSTREGISTER_DEVICEMAP));
  CUdeviceptr from, to;
  CHECK(d.cuMemHostGetDevicePointer_(&from, pinned, 0));
  CHECK(d.cuMemHostGetDevicePointer_(&to, own.data(), 0));
  for (int i = 0; i < 256; i++) pinned[i] = static_cast<float>(i);
  CHECK(launch(kernel("patterns", "copy1"), 1, 256, nullptr, from, to));
  CHECK(d.cuCtxSynchronize_());
  for (int i = 0; i < 256; i++) REQUIRE(own[i] == static_cast<float>(i));
  CHECK(d.cuMemHostUnregister_(own.data()));
  CHECK(d.cuMemFreeHost_(pinned));
  CHECK(launch(kernel("patterns", "copy1"), 1, 256, nullptr, from, to));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_ILLEGAL_ADDRESS);
}

PROBE(memory, fresh_memory_is_not_a_number) {
  Device<float> fresh(8);
  for (float x : fresh.get()) REQUIRE(x != x);
}

PROBE(memory, addresses_are_known) {
  Device<float> a(16);
  CUdeviceptr base;
  size_t size;
  CHECK(d.cuMemGetAddressRange_(&base, &size, a.p + 20));
  REQUIRE(base == a.p && size == 64 && a.p % 256 == 0);
  unsigned type;
  CHECK(d.cuPointerGetAttribute_(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, a.p));
  REQUIRE(type == CU_MEMORYTYPE_DEVICE);
  int local = 0;
  EXPECT(d.cuPointerGetAttribute_(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                  reinterpret_cast<CUdeviceptr>(&local)),
         CUDA_ERROR_INVALID_VALUE);
  vector<float> v(16, 2.f), w(16);
  CHECK(
      d.cuMemcpyAsync_(a.p, reinterpret_cast<CUdeviceptr>(v.data()), 64, nullptr));  // kinds found by address
  CHECK(d.cuMemcpyAsync_(reinterpret_cast<CUdeviceptr>(w.data()), a.p, 64, nullptr));
  CHECK(d.cuCtxSynchronize_());
  REQUIRE(v == w);
}

PROBE(memory, the_device_describes_itself) {
  int version, value;
  char name[100];
  CUuuid uuid;
  CHECK(d.cuDriverGetVersion_(&version));
  CHECK(d.cuDeviceGetName_(name, sizeof name, 0));
  CHECK(d.cuDeviceGetUuid_(&uuid, 0));
  REQUIRE(version >= 12000 && std::strstr(name, "Emulated GPU") && !std::memcmp(uuid.bytes, "Emulated", 8));
  CUfunction gemm = kernel("patterns", "gemm");
  CHECK(d.cuFuncGetAttribute_(&value, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, gemm));
  REQUIRE(value == 2048);
  CHECK(d.cuOccupancyMaxActiveBlocksPerMultiprocessor_(&value, gemm, 256, 0));
  REQUIRE(value == 8);
  int most;
  CHECK(d.cuDeviceGetAttribute_(&most, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 0));
  CHECK(d.cuFuncSetAttribute_(gemm, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, most - 2048));
  void* found;
  CUdriverProcAddressQueryResult status;
  CHECK(d.cuGetProcAddress_("cuMemAlloc", &found, 12000, 0, &status));
  REQUIRE(found == reinterpret_cast<void*>(d.cuMemAlloc_));
  CHECK(d.cuGetProcAddress_("cuGraphInstantiate", &found, 12000, 0, &status));
  REQUIRE(found == reinterpret_cast<void*>(d.cuGraphInstantiate_));
  EXPECT(d.cuGetProcAddress_("cuNoSuchThing", &found, 12000, 0, &status), CUDA_ERROR_NOT_FOUND);
  REQUIRE(status == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
  const char* text;
  CHECK(d.cuGetErrorString_(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  REQUIRE(!std::strcmp(text, "an illegal memory access was encountered"));
}
