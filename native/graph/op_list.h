// Every op the engine knows, on every device. Adding one: its folder under ops/, a line in op_list.cc, a
// function in the TypeScript graph builder, a test.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/graph_spec.h"
#include "graph/parameter_store.h"
#include "ops/op.h"

namespace pss {

class Embedding;
class EmbeddingCuda;
struct CudaOpContext;

// `Context` is what the device's ops are built with, `Lookup` its embedding op.
template <typename Context, typename Lookup>
struct BuildContext {
  const Context& op;
  const GraphSpec& graph;
  std::vector<Tensor>& tensors;
  std::vector<std::vector<Tensor>>& reads;  // [node, input]: what each node reads
  ParameterStore& store;
  const std::vector<int>& memory_of;    // parameter -> index of its memory, or -1
  std::vector<const Lookup*>& lookups;  // by tensor: the embedding that makes it, or null; filled here

  std::vector<Tensor>& inputs(const NodeSpec& node) const { return reads[&node - graph.nodes.data()]; }
};
using CpuBuildContext = BuildContext<OpContext, Embedding>;
using CudaBuildContext = BuildContext<CudaOpContext, EmbeddingCuda>;

// Throw ERR_GRAPH for an unknown op or inputs it can't take. Null for a node that needs no work
// (sparseInput).
std::unique_ptr<Op> build_op(CpuBuildContext& context, const NodeSpec& node);
std::unique_ptr<Op> build_op(CudaBuildContext& context, const NodeSpec& node);

// True when `producer` can write its output into the rows of a wider tensor.
bool can_write_slice(const NodeSpec& producer);

// True when `consumer` can read the output of `producer` without it being stored.
bool can_fuse(const NodeSpec& producer, const NodeSpec& consumer);

// Whether the CPU's version of an op reads and writes tensors of either precision.
bool takes_bf16(const std::string& op);

}  // namespace pss
