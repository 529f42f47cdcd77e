// Writing of large files. src/addon/criteo-types.ts has the contract.
#pragma once

#include <napi.h>

namespace pss::addon {

void register_files(Napi::Env env, Napi::Object exports);

}  // namespace pss::addon
