#include "addon/rows_binding.h"

#include "addon/graph_conversion.h"
#include "base/error.h"
#include "rows/gather_rows.h"
#include "rows/permutation.h"

namespace pss {

namespace {

// (length, seed, [stream, stream, stream]) -> Uint32Array
Napi::Value draw_permutation(const Napi::CallbackInfo& info) {
  const auto length = info[0].As<Napi::Number>().Uint32Value();
  const auto seed = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value());
  const auto numbers = info[2].As<Napi::Array>();
  std::array<uint32_t, 3> stream{};
  for (uint32_t i = 0; i < stream.size(); i++) {
    stream[i] = Napi::Value(numbers[i]).As<Napi::Number>().Uint32Value();
  }
  Napi::Uint32Array order = Napi::Uint32Array::New(info.Env(), length);
  permutation(order.Data(), length, seed, stream);
  return order;
}

RowArrays rows_argument(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  auto labels = object.Get("labels").As<Napi::Uint8Array>();
  auto dense = object.Get("dense").As<Napi::Float32Array>();
  auto sparse = object.Get("sparse").As<Napi::Uint32Array>();
  const auto rows = static_cast<int64_t>(labels.ElementLength());
  const auto width = [rows](size_t length) { return rows == 0 ? 0 : static_cast<int64_t>(length) / rows; };
  return {labels.Data(),
          dense.Data(),
          sparse.Data(),
          rows,
          width(dense.ElementLength()),
          width(sparse.ElementLength())};
}

// (out, to, rows, order): rows `to` on of `out` become those of `rows` that `order` names.
Napi::Value gather(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    RowArrays out = rows_argument(info[0]);
    const auto to = info[1].As<Napi::Number>().Int64Value();
    const RowArrays rows = rows_argument(info[2]);
    const auto order = info[3].As<Napi::Uint32Array>();
    const auto count = static_cast<int64_t>(order.ElementLength());
    if (to < 0 || count > out.rows - to || out.N != rows.N || out.T != rows.T) {
      throw Error("ERR_ARGUMENT", "There is no room for these rows.");
    }
    out.labels += to;
    out.dense += to * out.N;
    out.sparse += to * out.T;
    gather_rows(out, rows, order.Data(), count);
    return env.Undefined();
  } catch (const Error& error) {
    throw to_js_error(env, error.code(), error.what());
  }
}

}  // namespace

void init_rows(Napi::Env env, Napi::Object exports) {
  exports.Set("permutation", Napi::Function::New(env, draw_permutation, "permutation"));
  exports.Set("gatherRows", Napi::Function::New(env, gather, "gatherRows"));
}

}  // namespace pss
