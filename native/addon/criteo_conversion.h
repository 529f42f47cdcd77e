// What the reader of raw rows and JavaScript tell each other, as objects.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "criteo/pipeline.h"

namespace pss::addon {

Napi::Error make_criteo_error(Napi::Env env, const char* code, const std::string& message,
                              const std::string& file = "");
// The exception being handled, as a JavaScript error with a code.
Napi::Error current_criteo_error(Napi::Env env);

Napi::Object summary_to_js(Napi::Env env, const criteo::Summary& summary);
Napi::Object batch_to_js(Napi::Env env, const criteo::Batch& batch, bool with_encoded);
criteo::Position position_from_js(const Napi::Object& position);

// Arrays of one number a column.
Napi::Array counts_to_js(Napi::Env env, const std::array<uint64_t, criteo::kNumTables>& counts);
std::array<uint64_t, criteo::kNumTables> counts_from_js(const Napi::Value& counts);

// The registers of all columns, one after another.
Napi::Value sketches_to_js(Napi::Env env, const criteo::DistinctSketches& sketches);
std::unique_ptr<criteo::DistinctSketches> sketches_from_js(const Napi::Uint8Array& bytes);

}  // namespace pss::addon
