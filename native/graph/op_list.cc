#include "graph/op_list.h"

#include <array>
#include <map>

#include "base/error.h"
#include "graph/embedding_node.h"
#include "ops/combine/combine.h"
#include "ops/combine/combine_cuda.h"
#include "ops/dense_input/dense_input.h"
#include "ops/dense_input/dense_input_cuda.h"
#include "ops/dot_interaction/dot_interaction.h"
#include "ops/dot_interaction/dot_interaction_cuda.h"
#include "ops/embedding/embedding.h"
#include "ops/embedding/embedding_cuda.h"
#include "ops/join_slots/join_slots.h"
#include "ops/join_slots/join_slots_cuda.h"
#include "ops/linear/linear.h"
#include "ops/linear/linear_cuda.h"
#include "ops/projection/projection.h"
#include "ops/projection/projection_cuda.h"
#include "ops/sketch/sketch.h"
#include "ops/sketch/sketch_cuda.h"
#include "ops/tensor_train/tensor_train.h"
#include "ops/tensor_train/tensor_train_cuda.h"

namespace pss {

namespace {

// The ops of each device; classes of one op take the same arguments.
struct CpuOps {
  using Build = CpuBuildContext;
  using DenseInputOp = DenseInput;
  using EmbeddingOp = Embedding;
  using LinearOp = Linear;
  using DotInteractionOp = DotInteraction;
  using CombineOp = Combine;
  using JoinSlotsOp = JoinSlots;
  using ProjectionOp = Projection;
  using SketchOp = Sketch;
  using TensorTrainOp = TensorTrain;
};
struct CudaOps {
  using Build = CudaBuildContext;
  using DenseInputOp = DenseInputCuda;
  using EmbeddingOp = EmbeddingCuda;
  using LinearOp = LinearCuda;
  using DotInteractionOp = DotInteractionCuda;
  using CombineOp = CombineCuda;
  using JoinSlotsOp = JoinSlotsCuda;
  using ProjectionOp = ProjectionCuda;
  using SketchOp = SketchCuda;
  using TensorTrainOp = TensorTrainCuda;
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
std::unique_ptr<Op> build_combine(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, 0);
  const Attributes& a = node.attributes;
  const CombineSpec spec{parse_combine(a.string("operation")), a.integer("vectors"),
                         static_cast<uint64_t>(a.integer("hashSeed")), a.integers("columns")};
  return std::make_unique<typename Ops::CombineOp>(c.op, spec, c.graph.num_tables, &c.tensors[node.inputs[0]],
                                                   &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_join_slots(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, node.inputs.size(), 0);
  std::vector<const Tensor*> inputs;
  for (const int input : node.inputs) inputs.push_back(&c.tensors[input]);
  return std::make_unique<typename Ops::JoinSlotsOp>(c.op, JoinSpec{node.attributes.integers("places")},
                                                     inputs, &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_projection(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, node.parameters.size());
  std::vector<const Parameter*> weights;
  for (const int parameter : node.parameters) weights.push_back(&c.store.parameters()[parameter]);
  return std::make_unique<typename Ops::ProjectionOp>(c.op, weights, &c.tensors[node.inputs[0]],
                                                      &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_sketch(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, 1);
  const Attributes& a = node.attributes;
  const SketchSpec spec{parse_sketch(a.string("sketch")), static_cast<uint64_t>(a.integer("hashSeed")),
                        a.integers("columns")};
  return std::make_unique<typename Ops::SketchOp>(
      c.op, spec, c.graph.num_tables, &c.store.parameters()[node.parameters[0]], &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_tensor_train(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 3, 0);
  const std::vector<int64_t> factors = node.attributes.integers("factors");
  if (factors.size() != 3) throw Error("ERR_GRAPH", "Node '" + node.name + "' needs three factors of D.");
  const TrainShape shape{node.attributes.integer("rank"), factors[0], factors[1], factors[2]};
  const std::array<const Tensor*, 3> cores{&c.tensors[node.inputs[0]], &c.tensors[node.inputs[1]],
                                           &c.tensors[node.inputs[2]]};
  return std::make_unique<typename Ops::TensorTrainOp>(c.op, shape, cores, &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build(typename Ops::Build& context, const NodeSpec& node) {
  using Builder = std::unique_ptr<Op> (*)(typename Ops::Build&, const NodeSpec&);
  static const std::map<std::string, Builder> builders = {
      {"denseInput", build_dense_input<Ops>}, {"sparseInput", build_sparse_input<Ops>},
      {"embedding", build_embedding<Ops>},    {"combine", build_combine<Ops>},
      {"projection", build_projection<Ops>},  {"tensorTrain", build_tensor_train<Ops>},
      {"sketch", build_sketch<Ops>},          {"joinSlots", build_join_slots<Ops>},
      {"linear", build_linear<Ops>},          {"dotInteraction", build_dot_interaction<Ops>},
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
