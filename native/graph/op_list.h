// Every op the engine knows. Adding one: its folder under ops/, a line in op_list.cc, a function in the
// TypeScript graph builder, a test.
#pragma once

#include <memory>
#include <vector>

#include "graph/graph_spec.h"
#include "graph/parameter_store.h"
#include "ops/embedding/embedding.h"
#include "ops/op.h"

namespace pss {

struct BuildContext {
  OpContext op;
  const GraphSpec& graph;
  std::vector<Tensor>& tensors;
  ParameterStore& store;
  const std::vector<int>& memory_of;  // parameter -> index of its memory, or -1
  std::vector<const Embedding*>
      virtual_slots;  // by tensor: the lookup that stands for it, where it isn't materialised
};

// Throws ERR_GRAPH for an unknown op or inputs it can't take. Null for a node that needs no work
// (sparseInput).
std::unique_ptr<Op> build_op(BuildContext& context, const NodeSpec& node);

// True when `consumer` can read the output of `producer` without it being stored.
bool can_fuse(const NodeSpec& producer, const NodeSpec& consumer);

}  // namespace pss
