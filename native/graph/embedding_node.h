// What an embedding node's attributes mean for memory and addressing.
#pragma once

#include "graph/graph_spec.h"
#include "ops/embedding/addressing.h"

namespace pss {

// Throws ERR_GRAPH for unknown kinds and hash families or sizes that don't fit.
Addressing embedding_addressing(const GraphSpec& graph, const NodeSpec& node);

// rowwise-adagrad's row: D for full and hash, Z for robe, 1 for hashednet.
int64_t embedding_row_length(const Addressing& addressing);

// True for `gradient: dense`, false for `sparse`.
bool embedding_gradient_is_dense(const NodeSpec& node);

}  // namespace pss
