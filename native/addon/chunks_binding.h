// Where an embedding's lookups read, for tools that look at a model from outside.
#pragma once

#include <napi.h>

namespace pss {

void init_chunks(Napi::Env env, Napi::Object exports);

}  // namespace pss
