// The Engine class as JavaScript sees it: src/addon/addon-types.ts, NativeEngine.
#pragma once

#include <napi.h>

namespace pss {

void init_engine(Napi::Env env, Napi::Object exports);

}  // namespace pss
