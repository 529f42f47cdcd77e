// machine() and fmaProbe() of src/addon/addon-types.ts.
#pragma once

#include <napi.h>

namespace pss {

void init_machine(Napi::Env env, Napi::Object exports);

}  // namespace pss
