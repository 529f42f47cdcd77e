// The generator of synthetic rows as a JavaScript class. What it promises is written in
// src/addon/synth-types.ts.
#pragma once

#include <napi.h>

namespace pss::addon {

void register_synth(Napi::Env env, Napi::Object exports);

}  // namespace pss::addon
