// Mistakes of host code: each must be reported, or show in the results.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "probe.h"
using std::vector;

namespace {
CUfunction copy1() {
  return kernel("patterns", "copy1");
}
}  // namespace

PROBE(misuse, out_of_bounds) {
  Device<float> a(1000), b(1024);
  CHECK(launch(copy1(), 4, 256, nullptr, a.p, b.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_ILLEGAL_ADDRESS);
  REQUIRE(said("bytes past the end of allocation"));
  CUdeviceptr p;
  EXPECT(d.cuMemAlloc_(&p, 4), CUDA_ERROR_ILLEGAL_ADDRESS);  // sticky
}
PROBE(misuse, reused_host_buffer) {
  Device<float> a(256), b(256);
  CUstream s = make_stream(0);
  vector<float> v(256, 1.f), w(256);
  CHECK(d.cuMemcpyHtoDAsync_(a.p, v.data(), 1024, s));
  v.assign(256, 2.f);
  CHECK(d.cuMemcpyHtoDAsync_(b.p, v.data(), 1024, s));
  CHECK(d.cuStreamSynchronize_(s));
  REQUIRE(said("was changed between"));
  CHECK(d.cuMemcpyDtoH_(w.data(), a.p, 1024));
  REQUIRE(w[0] == 2.f);
}
PROBE(misuse, result_read_too_early) {
  Device<float> a(vector<float>(256, 1.f));
  vector<float> w(256, 5.f);
  CUstream s = make_stream(0);
  CHECK(d.cuMemcpyDtoHAsync_(w.data(), a.p, 1024, s));
  const float early = w[0];
  CHECK(d.cuStreamSynchronize_(s));
  REQUIRE(early != 1.f && w[0] == 1.f);
}
PROBE(misuse, missing_event_wait) {
  Device<float> a(256), b(256);
  CHECK(d.cuMemsetD32_(a.p, 0, 256));
  CHECK(d.cuCtxSynchronize_());
  CUstream s = make_stream(), t = make_stream();
  vector<float> v(256, 1.f), w(256);
  CHECK(d.cuMemcpyHtoDAsync_(a.p, v.data(), 1024, s));
  CHECK(launch(copy1(), 1, 256, t, a.p, b.p));
  CHECK(d.cuStreamSynchronize_(t));
  CHECK(d.cuMemcpyDtoH_(w.data(), b.p, 1024));
  CHECK(d.cuStreamSynchronize_(s));
  REQUIRE(w[0] == 0.f);
}
PROBE(misuse, double_free) {
  Device<float> a(16);
  CHECK(d.cuMemFree_(a.p));
  EXPECT(d.cuMemFree_(a.p), CUDA_ERROR_INVALID_VALUE);
  REQUIRE(said("double free"));
}
PROBE(misuse, free_of_the_interior) {
  Device<float> a(16);
  EXPECT(d.cuMemFree_(a.p + 4), CUDA_ERROR_INVALID_VALUE);
}
PROBE(misuse, use_after_free) {
  Device<float> a(256), b(256);
  CHECK(d.cuMemFree_(a.p));
  CHECK(launch(copy1(), 1, 256, nullptr, a.p, b.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_ILLEGAL_ADDRESS);
  REQUIRE(said("which is freed"));
}
PROBE(misuse, allocation_of_another_stream_used_too_early) {
  CUstream s = make_stream(), t = make_stream();
  CUdeviceptr p;
  CHECK(d.cuMemAllocAsync_(&p, 1024, s));
  CHECK(d.cuMemsetD32Async_(p, 0, 256, t));
  EXPECT(d.cuStreamSynchronize_(t), CUDA_ERROR_ILLEGAL_ADDRESS);
  REQUIRE(said("has not run yet"));
}
PROBE(misuse, host_pointer_as_argument) {
  vector<float> a(256);
  Device<float> b(256);
  CHECK(launch(copy1(), 1, 256, nullptr, reinterpret_cast<CUdeviceptr>(a.data()), b.p));
  REQUIRE(said("pointer parameter 0"));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_ILLEGAL_ADDRESS);
}
PROBE(misuse, missing_argument) {
  Device<float> a(256);
  void* p[] = {&a.p, nullptr};
  EXPECT(d.cuLaunchKernel_(copy1(), 1, 1, 1, 256, 1, 1, 0, nullptr, p, nullptr), CUDA_ERROR_INVALID_VALUE);
  REQUIRE(said("parameter 1"));
}
PROBE(misuse, swapped_arguments) {
  Device<float> g(64), s(64);
  const CUdeviceptr dim = 16;
  CHECK(launch(kernel("patterns", "scatter_add"), 1, 64, nullptr, dim, g.p, s.p, 64, 1));
  REQUIRE(said("pointer parameter 0"));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_ILLEGAL_ADDRESS);
}
PROBE(misuse, parameter_buffer_of_the_wrong_size) {
  CUdeviceptr p = 0;
  size_t n = 8;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &p, CU_LAUNCH_PARAM_BUFFER_SIZE, &n, CU_LAUNCH_PARAM_END};
  EXPECT(d.cuLaunchKernel_(copy1(), 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra), CUDA_ERROR_INVALID_VALUE);
}
PROBE(misuse, misaligned_vector) {
  Device<float> a(4096), b(4096);
  CHECK(launch(kernel("patterns", "copy4"), 1, 32, nullptr, a.p + 4, b.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_MISALIGNED_ADDRESS);
}
PROBE(misuse, copy_too_long) {
  Device<float> a(16);
  vector<float> v(17);
  EXPECT(d.cuMemcpyHtoD_(a.p, v.data(), 68), CUDA_ERROR_INVALID_VALUE);
  EXPECT(d.cuMemcpyDtoH_(v.data(), a.p + 4, 64), CUDA_ERROR_INVALID_VALUE);
  EXPECT(d.cuMemsetD8_(a.p, 0, 65), CUDA_ERROR_INVALID_VALUE);
}
PROBE(misuse, too_many_threads_or_none) {
  Device<float> a(16);
  EXPECT(launch(copy1(), 1, 2048, nullptr, a.p, a.p), CUDA_ERROR_INVALID_VALUE);
  EXPECT(launch(copy1(), 0, 32, nullptr, a.p, a.p), CUDA_ERROR_INVALID_VALUE);
}
PROBE(misuse, shared_memory_without_asking) {
  CUdeviceptr p = 0;
  void* a[] = {&p, &p};
  EXPECT(d.cuLaunchKernel_(copy1(), 1, 1, 1, 32, 1, 1, 60000, nullptr, a, nullptr), CUDA_ERROR_INVALID_VALUE);
  const auto most = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
  CHECK(d.cuFuncSetAttribute_(copy1(), most, 60000));
  EXPECT(d.cuFuncSetAttribute_(copy1(), most, 300000), CUDA_ERROR_INVALID_VALUE);
}
PROBE(misuse, destroyed_stream) {
  CUstream s = make_stream();
  CHECK(d.cuStreamDestroy_(s));
  EXPECT(d.cuStreamSynchronize_(s), CUDA_ERROR_INVALID_HANDLE);
}
PROBE(misuse, out_of_memory) {
  CUdeviceptr p;
  EXPECT(d.cuMemAlloc_(&p, size_t{1} << 50), CUDA_ERROR_OUT_OF_MEMORY);
}
PROBE(misuse, host_code_follows_a_device_pointer) {
  Device<float> a(16);
  const pid_t child = fork();
  if (!child) {
    std::fprintf(stderr, "%g\n", static_cast<double>(*reinterpret_cast<float*>(a.p)));
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}
PROBE(misuse, image_of_no_known_kind) {
  CUmodule m;
  const char text[] = "nonsense, not a module, but long enough to be read as one.....................";
  EXPECT(d.cuModuleLoadData_(&m, text), CUDA_ERROR_INVALID_IMAGE);
  CUfunction f;
  EXPECT(d.cuModuleGetFunction_(&f, module_of("patterns"), "nobody"), CUDA_ERROR_NOT_FOUND);
}
PROBE(misuse, registering_twice) {
  vector<float> v(1024);
  CHECK(d.cuMemHostRegister_(v.data(), 4096, 0));
  EXPECT(d.cuMemHostRegister_(v.data() + 8, 64, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  CHECK(d.cuMemHostUnregister_(v.data()));
  EXPECT(d.cuMemHostUnregister_(v.data()), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}
PROBE(misuse, too_many_cooperative_blocks) {
  Device<int> a(1 << 20), b(1 << 20);
  void* p[] = {&a.p, &b.p};
  EXPECT(d.cuLaunchCooperativeKernel_(kernel("grid", "neighbours"), 1024, 1, 1, 1024, 1, 1, 0, nullptr, p),
         CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
}
PROBE(misuse, context_released_too_often) {
  CHECK(d.cuDevicePrimaryCtxRelease_(0));
  EXPECT(d.cuDevicePrimaryCtxRelease_(0), CUDA_ERROR_INVALID_CONTEXT);
  CUdeviceptr p;
  EXPECT(d.cuMemAlloc_(&p, 4), CUDA_ERROR_INVALID_CONTEXT);
}
