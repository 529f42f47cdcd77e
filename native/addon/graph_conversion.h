// JavaScript objects to the native graph and options. The TypeScript types promise the shapes; what is
// missing is still a clear error.
#pragma once

#include <napi.h>

#include "graph/graph_spec.h"

namespace pss {

GraphSpec graph_from_js(const Napi::Object& object);
EngineOptions options_from_js(const Napi::Object& object);

// Runs `body`, turning pss::Error into a JavaScript Error with its code.
Napi::Error to_js_error(Napi::Env env, const std::string& code, const std::string& message);

}  // namespace pss
