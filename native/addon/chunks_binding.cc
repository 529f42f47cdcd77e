#include "addon/chunks_binding.h"

#include <algorithm>
#include <string>

#include "addon/graph_conversion.h"
#include "base/error.h"
#include "graph/embedding_node.h"

namespace pss {

namespace {

const NodeSpec& embedding_called(const GraphSpec& graph, const std::string& name) {
  for (const NodeSpec& node : graph.nodes) {
    if (node.name == name && node.op == "embedding") return node;
  }
  throw Error("ERR_GRAPH", "The graph has no embedding called '" + name + "'.");
}

// (graph, node, ids [B, id columns]) -> {unit, chunks, starts [B, T, chunks]}
Napi::Value chunk_starts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    const GraphSpec graph = graph_from_js(info[0].As<Napi::Object>());
    const Addressing addressing =
        embedding_addressing(graph, embedding_called(graph, info[1].As<Napi::String>().Utf8Value()));
    const auto ids = info[2].As<Napi::Uint32Array>();
    const auto B = static_cast<int64_t>(ids.ElementLength()) / graph.num_tables;
    check_ids(ids.Data(), B, addressing.id_columns, id_bounds(addressing));
    const auto count = static_cast<size_t>(B * addressing.T * addressing.chunks);
    Napi::Uint32Array starts = Napi::Uint32Array::New(env, count);
    compute_starts(starts.Data(), ids.Data(), 0, B, addressing);
    Napi::Object result = Napi::Object::New(env);
    result.Set("unit", static_cast<double>(addressing.unit));
    result.Set("chunks", static_cast<double>(addressing.chunks));
    result.Set("starts", starts);
    return result;
  } catch (const Error& error) {
    throw to_js_error(env, error.code(), error.what());
  }
}

}  // namespace

void init_chunks(Napi::Env env, Napi::Object exports) {
  exports.Set("chunkStarts", Napi::Function::New(env, chunk_starts));
}

}  // namespace pss
