// The raw-row reader as a JavaScript class. What it promises is written in src/addon/criteo-types.ts.
#pragma once

#include <napi.h>

namespace pss::addon {

void register_criteo(Napi::Env env, Napi::Object exports);

}  // namespace pss::addon
