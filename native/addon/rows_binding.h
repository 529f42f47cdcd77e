// Orders of rows, and rows taken in an order.
#pragma once

#include <napi.h>

namespace pss {

void init_rows(Napi::Env env, Napi::Object exports);

}  // namespace pss
