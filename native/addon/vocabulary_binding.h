// What follows the reading of rows when their ids come from dictionaries. src/addon/criteo-types.ts has the
// contract.
#pragma once

#include <napi.h>

namespace pss::addon {

void register_vocabulary(Napi::Env env, Napi::Object exports);

}  // namespace pss::addon
