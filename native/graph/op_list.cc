#include "graph/op_list.h"

#include <map>

#include "base/error.h"
#include "graph/embedding_node.h"
#include "ops/dense_input/dense_input.h"
#include "ops/dense_input/dense_input_cuda.h"
#include "ops/dot_interaction/dot_interaction.h"
#include "ops/dot_interaction/dot_interaction_cuda.h"
#include "ops/embedding/embedding.h"
#include "ops/embedding/embedding_cuda.h"
#include "ops/linear/linear.h"
#include "ops/linear/linear_cuda.h"

namespace pss {

namespace {

// The ops of each device; classes of one op take the same arguments.
struct CpuOps {
  using Build = CpuBuildContext;
  using DenseInputOp = DenseInput;
  using EmbeddingOp = Embedding;
  using LinearOp = Linear;
  using DotInteractionOp = DotInteraction;
};
struct CudaOps {
  using Build = CudaBuildContext;
  using DenseInputOp = DenseInputCuda;
  using EmbeddingOp = EmbeddingCuda;
  using LinearOp = LinearCuda;
  using DotInteractionOp = DotInteractionCuda;
};

void expect(const NodeSpec& node, size_t inputs, size_t parameters) {
  if (node.inputs.size() == inputs && node.parameters.size() == parameters) return;
  throw Error("ERR_GRAPH", "Node '" + node.name + "' (" + node.op + ") takes " + std::to_string(inputs) +
                               " inputs and " + std::to_string(parameters) + " parameters.");
}

template <typename Ops>
std::unique_ptr<Op> build_dense_input(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 0, 0);
  return std::make_unique<typename Ops::DenseInputOp>(c.op, &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_sparse_input(typename Ops::Build&, const NodeSpec& node) {
  expect(node, 0, 0);
  return nullptr;
}

template <typename Ops>
std::unique_ptr<Op> build_embedding(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, node.parameters.size());
  const Memory& memory = c.store.memory(c.memory_of[node.parameters.at(0)]);
  auto op = std::make_unique<typename Ops::EmbeddingOp>(c.op, embedding_addressing(c.graph, node),
                                                        memory.value.data, &c.tensors[node.output]);
  c.lookups[node.output] = op.get();
  return op;
}

template <typename Ops>
std::unique_ptr<Op> build_linear(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, 2);
  const std::string& activation = node.attributes.string("activation");
  if (activation != "relu" && activation != "none") {
    throw Error("ERR_GRAPH", "Layer '" + node.name + "' has an unknown activation '" + activation + "'.");
  }
  const auto& parameters = c.store.parameters();
  return std::make_unique<typename Ops::LinearOp>(
      c.op, &c.tensors[node.inputs[0]], &parameters[node.parameters[0]], &parameters[node.parameters[1]],
      activation == "relu", &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_dot_interaction(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 2, 0);
  const Tensor& slots = c.tensors[node.inputs[1]];
  const auto* fused = slots.value ? nullptr : c.lookups[node.inputs[1]];
  return std::make_unique<typename Ops::DotInteractionOp>(c.op, &c.tensors[node.inputs[0]], &slots, fused,
                                                          &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build(typename Ops::Build& context, const NodeSpec& node) {
  using Builder = std::unique_ptr<Op> (*)(typename Ops::Build&, const NodeSpec&);
  static const std::map<std::string, Builder> builders = {
      {"denseInput", build_dense_input<Ops>},
      {"sparseInput", build_sparse_input<Ops>},
      {"embedding", build_embedding<Ops>},
      {"linear", build_linear<Ops>},
      {"dotInteraction", build_dot_interaction<Ops>},
  };
  const auto found = builders.find(node.op);
  if (found == builders.end()) {
    throw Error("ERR_GRAPH", "Node '" + node.name + "' asks for the unknown op '" + node.op + "'.");
  }
  return found->second(context, node);
}

}  // namespace

std::unique_ptr<Op> build_op(CpuBuildContext& context, const NodeSpec& node) {
  return build<CpuOps>(context, node);
}

std::unique_ptr<Op> build_op(CudaBuildContext& context, const NodeSpec& node) {
  return build<CudaOps>(context, node);
}

bool takes_bf16(const std::string& op) {
  return op == "denseInput" || op == "linear" || op == "dotInteraction";
}

bool can_fuse(const NodeSpec& producer, const NodeSpec& consumer) {
  return producer.op == "embedding" && consumer.op == "dotInteraction" && consumer.inputs.size() == 2 &&
         consumer.inputs[1] == producer.output && consumer.inputs[0] != producer.output;
}

}  // namespace pss
