// The smallest addon over the driver: copyOnDevice(n, seed) on the calling thread, copyOnDeviceAsync(n, seed)
// on one of libuv's. Fills v[i] = i + seed, copies it on the device with kernel copy1, and gives how many
// values came back right.
#include <cuda.h>
#include <dlfcn.h>
#include <node_api.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

namespace {

#define EMU_TEXT2(x) #x
#define EMU_TEXT(x) EMU_TEXT2(x)
// clang-format off
#define DRIVER_FUNCTIONS(F) F(cuInit) F(cuDevicePrimaryCtxRetain) F(cuCtxSetCurrent) F(cuModuleLoadData) \
  F(cuModuleGetFunction) F(cuMemAlloc) F(cuMemFree) F(cuMemcpyHtoDAsync) F(cuMemcpyDtoHAsync) F(cuLaunchKernel) \
  F(cuStreamCreate) F(cuStreamSynchronize) F(cuStreamDestroy)
// clang-format on
struct Driver {
#define F(f) decltype(&::f) f##_;
  DRIVER_FUNCTIONS(F)
#undef F
} d;
std::once_flag once;
CUcontext context;
CUfunction kernel;
bool loaded = false;

void load() {
  void* library = dlopen(std::getenv("PSS_CUDA_DRIVER"), RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
#define F(f)                                                        \
  *reinterpret_cast<void**>(&d.f##_) = dlsym(library, EMU_TEXT(f)); \
  if (!d.f##_) return;
  DRIVER_FUNCTIONS(F)
#undef F
  std::ifstream file(std::string(std::getenv("EMU_KERNELS")) + "/patterns.fatbin", std::ios::binary);
  std::vector<char> image(std::istreambuf_iterator<char>(file), {});
  CUmodule module;
  loaded = !d.cuInit_(0) && !d.cuDevicePrimaryCtxRetain_(&context, 0) && !d.cuCtxSetCurrent_(context) &&
           !d.cuModuleLoadData_(&module, image.data()) && !d.cuModuleGetFunction_(&kernel, module, "copy1");
}

int copy_on_device(int n, int seed) {
  std::call_once(once, load);
  if (!loaded || d.cuCtxSetCurrent_(context)) return -1;
  std::vector<float> from(n), to(n);
  for (int i = 0; i < n; i++) from[i] = static_cast<float>(i + seed);
  CUdeviceptr a, b;
  CUstream s;
  const size_t bytes = n * sizeof(float);
  if (d.cuStreamCreate_(&s, CU_STREAM_NON_BLOCKING) || d.cuMemAlloc_(&a, bytes) || d.cuMemAlloc_(&b, bytes))
    return -2;
  void* arguments[] = {&a, &b};
  if (d.cuMemcpyHtoDAsync_(a, from.data(), bytes, s) ||
      d.cuLaunchKernel_(kernel, n / 256, 1, 1, 256, 1, 1, 0, s, arguments, nullptr) ||
      d.cuMemcpyDtoHAsync_(to.data(), b, bytes, s) || d.cuStreamSynchronize_(s)) {
    return -3;
  }
  d.cuMemFree_(a);
  d.cuMemFree_(b);
  d.cuStreamDestroy_(s);
  int right = 0;
  for (int i = 0; i < n; i++) right += from[i] == to[i];
  return right;
}

struct Job {
  int n, seed, result;
  napi_async_work work;
  napi_deferred deferred;
};

void read_arguments(napi_env env, napi_callback_info info, int* n, int* seed) {
  napi_value values[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  napi_get_value_int32(env, values[0], n);
  napi_get_value_int32(env, values[1], seed);
}

napi_value run_now(napi_env env, napi_callback_info info) {
  int n, seed;
  read_arguments(env, info, &n, &seed);
  napi_value result;
  napi_create_int32(env, copy_on_device(n, seed), &result);
  return result;
}

napi_value run_later(napi_env env, napi_callback_info info) {
  auto job = new Job;
  read_arguments(env, info, &job->n, &job->seed);
  napi_value promise, name;
  napi_create_promise(env, &job->deferred, &promise);
  napi_create_string_utf8(env, "copyOnDevice", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(
      env, nullptr, name,
      [](napi_env, void* p) {
        auto own = static_cast<Job*>(p);
        own->result = copy_on_device(own->n, own->seed);
      },
      [](napi_env e, napi_status, void* p) {
        auto own = static_cast<Job*>(p);
        napi_value result;
        napi_create_int32(e, own->result, &result);
        napi_resolve_deferred(e, own->deferred, result);
        napi_delete_async_work(e, own->work);
        delete own;
      },
      job, &job->work);
  napi_queue_async_work(env, job->work);
  return promise;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value f;
  napi_create_function(env, "copyOnDevice", NAPI_AUTO_LENGTH, run_now, nullptr, &f);
  napi_set_named_property(env, exports, "copyOnDevice", f);
  napi_create_function(env, "copyOnDeviceAsync", NAPI_AUTO_LENGTH, run_later, nullptr, &f);
  napi_set_named_property(env, exports, "copyOnDeviceAsync", f);
  return exports;
}
