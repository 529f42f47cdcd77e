#include <napi.h>

#include "addon/criteo_binding.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  pss::addon::register_criteo(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(pss, init)
