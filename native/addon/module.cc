#include <napi.h>

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  (void)env;
  return exports;
}

}  // namespace

NODE_API_MODULE(pss, init)
