#include "addon/machine_binding.h"

#include <algorithm>
#include <string>
#include <thread>

#include "backend/cpu/fma_probe.h"
#include "backend/cpu/tiled_matmul.h"
#include "base/cpu_features.h"

namespace pss {

namespace {

Napi::Value machine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  Napi::Array features = Napi::Array::New(env);
  for (const std::string& name : cpu_feature_names()) features.Set(features.Length(), name);
  const OneDnnInfo onednn = onednn_info();
  result.Set("cpu", cpu_model_name());
  result.Set("cores", std::max(1u, std::thread::hardware_concurrency()));
  result.Set("features", features);
  result.Set("onednn", std::to_string(onednn.major) + "." + std::to_string(onednn.minor) + "." +
                           std::to_string(onednn.patch) + " (" + onednn.isa + ")");
  result.Set("compiler", std::string("g++ ") + __VERSION__);
  return result;
}

Napi::Value fma_probe(const Napi::CallbackInfo& info) {
  const int threads = info[0].ToNumber().Int32Value();
  const int64_t iterations = info[1].ToNumber().Int64Value();
  return Napi::Number::New(
      info.Env(), fma_rate(std::clamp(threads, 1, 1024), std::clamp<int64_t>(iterations, 1, 1'000'000'000)));
}

}  // namespace

void init_machine(Napi::Env env, Napi::Object exports) {
  exports.Set("machine", Napi::Function::New(env, machine));
  exports.Set("fmaProbe", Napi::Function::New(env, fma_probe));
}

}  // namespace pss
