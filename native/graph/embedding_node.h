// What an embedding node's attributes mean for memory and addressing.
#pragma once

#include "graph/graph_spec.h"
#include "ops/embedding/addressing.h"

namespace pss {

// Throws ERR_GRAPH for unknown kinds and hash families or sizes that don't fit.
Addressing embedding_addressing(const GraphSpec& graph, const NodeSpec& node);

// Of the tables that a dense sketch reads.
std::vector<IdBound> sketch_id_bounds(const NodeSpec& node);

// True for `gradient: dense`, false for `sparse`.
bool embedding_gradient_is_dense(const NodeSpec& node);

}  // namespace pss
