#include "addon/machine_binding.h"

#include <algorithm>
#include <string>
#include <thread>

#include "addon/graph_conversion.h"
#include "backend/cpu/fma_probe.h"
#include "backend/cpu/memory_probe.h"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/gpu_info.h"
#include "base/cpu_features.h"
#include "base/error.h"

namespace pss {

namespace {

Napi::Value machine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  Napi::Array features = Napi::Array::New(env);
  for (const std::string& name : cpu_feature_names()) features.Set(features.Length(), name);
  result.Set("cpu", cpu_model_name());
  result.Set("cores", std::max(1u, std::thread::hardware_concurrency()));
  result.Set("features", features);
  try {
    result.Set("isa", isa_name(choose_isa("auto")));
  } catch (const Error& error) {
    throw to_js_error(env, error.code(), error.what());
  }
  result.Set("compiler", std::string("g++ ") + __VERSION__);
  return result;
}

Napi::Value find_gpu(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    CudaDevice device(info[0].ToNumber().Int32Value());
    device.check_kernels();
    Napi::Object result = Napi::Object::New(env);
    const int capability = device.compute_capability();
    result.Set("name", device.name());
    result.Set("computeCapability", std::to_string(capability / 10) + "." + std::to_string(capability % 10));
    result.Set("memoryBytes", static_cast<double>(device.memory_bytes()));
    result.Set("multiprocessors", device.multiprocessors());
    result.Set("driver", cuda_driver().path);
    return result;
  } catch (const Error& error) {
    throw to_js_error(env, error.code(), error.what());
  }
}

Napi::Value fma_probe(const Napi::CallbackInfo& info) {
  const int threads = info[0].ToNumber().Int32Value();
  const int64_t iterations = info[1].ToNumber().Int64Value();
  const std::string of = info[2].IsString() ? info[2].As<Napi::String>().Utf8Value() : "f32";
  const Factors factors = of == "bf16" ? Factors::kBf16 : of == "int8" ? Factors::kInt8 : Factors::kF32;
  return Napi::Number::New(info.Env(), fma_rate(std::clamp(threads, 1, 1024),
                                                std::clamp<int64_t>(iterations, 1, 1'000'000'000), factors));
}

Napi::Value chunk_probe(const Napi::CallbackInfo& info) {
  const int threads = std::clamp(info[0].ToNumber().Int32Value(), 1, 1024);
  const int64_t memory_floats = info[1].ToNumber().Int64Value();
  const int64_t chunk_floats = std::clamp<int64_t>(info[2].ToNumber().Int64Value(), 1, 1 << 20);
  const int64_t chunks = std::clamp<int64_t>(info[3].ToNumber().Int64Value(), 1, int64_t{1} << 28);
  const Napi::Env env = info.Env();
  try {
    const ChunkRates rates = chunk_rates(threads, memory_floats, chunk_floats, chunks);
    Napi::Object result = Napi::Object::New(env);
    result.Set("gatherNs", rates.gather_ns);
    result.Set("updateNs", rates.update_ns);
    return result;
  } catch (const Error& error) {
    throw to_js_error(env, error.code(), error.what());
  }
}

Napi::Value gpu(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    const GpuInfo found = gpu_info(info[0].ToNumber().Int32Value());
    Napi::Object result = Napi::Object::New(env);
    result.Set("name", found.name);
    result.Set("computeCapability", found.compute_capability);
    result.Set("multiprocessors", found.multiprocessors);
    result.Set("clockMhz", found.clock_khz / 1000.0);
    // Two transfers a clock.
    result.Set("memoryGigabytesPerSecond", 2.0 * found.memory_clock_khz * found.memory_bus_bits / 8 / 1e6);
    result.Set("memoryBytes", static_cast<double>(found.memory_bytes));
    return result;
  } catch (const Error& error) {
    throw to_js_error(env, error.code(), error.what());
  }
}

}  // namespace

void init_machine(Napi::Env env, Napi::Object exports) {
  exports.Set("machine", Napi::Function::New(env, machine));
  exports.Set("findGpu", Napi::Function::New(env, find_gpu));
  exports.Set("gpu", Napi::Function::New(env, gpu));
  exports.Set("fmaProbe", Napi::Function::New(env, fma_probe));
  exports.Set("chunkProbe", Napi::Function::New(env, chunk_probe));
}

}  // namespace pss
