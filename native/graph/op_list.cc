#include "graph/op_list.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "graph/embedding_node.h"
#include "ops/bilinear_interaction/bilinear_interaction.h"
#include "ops/bilinear_interaction/bilinear_interaction_cuda.h"
#include "ops/cin/cin.h"
#include "ops/cin/cin_cuda.h"
#include "ops/combine/combine.h"
#include "ops/combine/combine_cuda.h"
#include "ops/concat/concat.h"
#include "ops/concat/concat_cuda.h"
#include "ops/cross_combine/cross_combine.h"
#include "ops/cross_combine/cross_combine_cuda.h"
#include "ops/cross_network/cross_network.h"
#include "ops/cross_network/cross_network_cuda.h"
#include "ops/dense_input/dense_input.h"
#include "ops/dense_input/dense_input_cuda.h"
#include "ops/dot_interaction/dot_interaction.h"
#include "ops/dot_interaction/dot_interaction_cuda.h"
#include "ops/dropout/dropout.h"
#include "ops/dropout/dropout_cuda.h"
#include "ops/embedding/embedding.h"
#include "ops/embedding/embedding_cuda.h"
#include "ops/first_component/first_component.h"
#include "ops/first_component/first_component_cuda.h"
#include "ops/fm_interaction/fm_interaction.h"
#include "ops/fm_interaction/fm_interaction_cuda.h"
#include "ops/join_slots/join_slots.h"
#include "ops/join_slots/join_slots_cuda.h"
#include "ops/linear/linear.h"
#include "ops/linear/linear_cuda.h"
#include "ops/logit_sum/logit_sum.h"
#include "ops/logit_sum/logit_sum_cuda.h"
#include "ops/projection/projection.h"
#include "ops/projection/projection_cuda.h"
#include "ops/quantized_mlp/quantized_mlp.h"
#include "ops/self_attention/self_attention.h"
#include "ops/self_attention/self_attention_cuda.h"
#include "ops/senet/senet.h"
#include "ops/senet/senet_cuda.h"
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
  using ConcatOp = Concat;
  using CrossCombineOp = CrossCombine;
  using CrossNetworkOp = CrossNetwork;
  using DropoutOp = Dropout;
  using FirstComponentOp = FirstComponent;
  using FmInteractionOp = FmInteraction;
  using LogitSumOp = LogitSum;
  using CinOp = Cin;
  using SelfAttentionOp = SelfAttention;
  using SenetOp = Senet;
  using BilinearInteractionOp = BilinearInteraction;
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
  using ConcatOp = ConcatCuda;
  using CrossCombineOp = CrossCombineCuda;
  using CrossNetworkOp = CrossNetworkCuda;
  using DropoutOp = DropoutCuda;
  using FirstComponentOp = FirstComponentCuda;
  using FmInteractionOp = FmInteractionCuda;
  using LogitSumOp = LogitSumCuda;
  using CinOp = CinCuda;
  using SelfAttentionOp = SelfAttentionCuda;
  using SenetOp = SenetCuda;
  using BilinearInteractionOp = BilinearInteractionCuda;
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
  const bool biased = node.parameters.size() != 1;
  expect(node, 1, biased ? 2 : 1);
  const std::string& activation = node.attributes.string("activation");
  if (activation != "relu" && activation != "none") {
    throw Error("ERR_GRAPH", "Layer '" + node.name + "' has an unknown activation '" + activation + "'.");
  }
  const auto& parameters = c.store.parameters();
  return std::make_unique<typename Ops::LinearOp>(c.op, &c.inputs(node)[0], &parameters[node.parameters[0]],
                                                  biased ? &parameters[node.parameters[1]] : nullptr,
                                                  activation == "relu", &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_dot_interaction(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 2, 0);
  const Tensor& slots = c.inputs(node)[1];
  const auto* fused = slots.value ? nullptr : c.lookups[node.inputs[1]];
  return std::make_unique<typename Ops::DotInteractionOp>(c.op, &c.inputs(node)[0], &slots, fused,
                                                          &c.tensors[node.output]);
}

std::vector<const Tensor*> pointers(const std::vector<Tensor>& tensors) {
  std::vector<const Tensor*> result;
  for (const Tensor& tensor : tensors) result.push_back(&tensor);
  return result;
}

template <typename Build>
std::vector<const Parameter*> parameters_of(Build& c, const NodeSpec& node) {
  std::vector<const Parameter*> result;
  for (const int parameter : node.parameters) result.push_back(&c.store.parameters()[parameter]);
  return result;
}

template <typename Ops>
std::unique_ptr<Op> build_concat(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, node.inputs.size(), 0);
  return std::make_unique<typename Ops::ConcatOp>(c.op, pointers(c.inputs(node)), &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_logit_sum(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, node.inputs.size(), 1);
  return std::make_unique<typename Ops::LogitSumOp>(c.op, pointers(c.inputs(node)), parameters_of(c, node)[0],
                                                    &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_first_component(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, 0);
  return std::make_unique<typename Ops::FirstComponentOp>(c.op, &c.inputs(node)[0], &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_fm_interaction(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, 0);
  return std::make_unique<typename Ops::FmInteractionOp>(c.op, &c.inputs(node)[0], &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_cross_network(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, 2);
  const auto parameters = parameters_of(c, node);
  return std::make_unique<typename Ops::CrossNetworkOp>(c.op, &c.inputs(node)[0], parameters[0],
                                                        parameters[1], &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_cross_combine(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 3, 0);
  const std::vector<Tensor>& inputs = c.inputs(node);
  return std::make_unique<typename Ops::CrossCombineOp>(c.op, &inputs[0], &inputs[1], &inputs[2],
                                                        &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_cin(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, std::max<size_t>(2, node.parameters.size() / 2 * 2));
  return std::make_unique<typename Ops::CinOp>(c.op, &c.inputs(node)[0], parameters_of(c, node),
                                               &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_self_attention(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, 4);
  return std::make_unique<typename Ops::SelfAttentionOp>(c.op, &c.inputs(node)[0], parameters_of(c, node),
                                                         node.attributes.integer("heads"),
                                                         &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_senet(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, 2);
  const auto parameters = parameters_of(c, node);
  return std::make_unique<typename Ops::SenetOp>(c.op, &c.inputs(node)[0], parameters[0], parameters[1],
                                                 &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_bilinear_interaction(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, std::max<size_t>(1, node.inputs.size()), std::max<size_t>(1, node.parameters.size()));
  static const std::map<std::string, BilinearKind> kinds = {{"interaction", BilinearKind::kInteraction},
                                                            {"each", BilinearKind::kEach},
                                                            {"all", BilinearKind::kAll}};
  const auto kind = kinds.find(node.attributes.string("kind"));
  if (kind == kinds.end()) throw Error("ERR_GRAPH", "Node '" + node.name + "' has an unknown kind.");
  return std::make_unique<typename Ops::BilinearInteractionOp>(
      c.op, pointers(c.inputs(node)), parameters_of(c, node), kind->second, &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_dropout(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, 0);
  const Attributes& a = node.attributes;
  return std::make_unique<typename Ops::DropoutOp>(
      c.op, &c.inputs(node)[0], a.number("rate"), static_cast<uint64_t>(a.integer("seed")),
      static_cast<uint64_t>(a.integer("layer")), a.integer("lastStep"), &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_combine(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, 0);
  const Attributes& a = node.attributes;
  const CombineSpec spec{parse_combine(a.string("operation")), a.integer("vectors"),
                         static_cast<uint64_t>(a.integer("hashSeed")), a.integers("columns")};
  return std::make_unique<typename Ops::CombineOp>(c.op, spec, c.graph.num_tables, &c.inputs(node)[0],
                                                   &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_join_slots(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, node.inputs.size(), 0);
  return std::make_unique<typename Ops::JoinSlotsOp>(c.op, JoinSpec{node.attributes.integers("places")},
                                                     pointers(c.inputs(node)), &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_projection(typename Ops::Build& c, const NodeSpec& node) {
  expect(node, 1, node.parameters.size());
  return std::make_unique<typename Ops::ProjectionOp>(c.op, parameters_of(c, node), &c.inputs(node)[0],
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
  const std::array<const Tensor*, 3> cores{&c.inputs(node)[0], &c.inputs(node)[1], &c.inputs(node)[2]};
  return std::make_unique<typename Ops::TensorTrainOp>(c.op, shape, cores, &c.tensors[node.output]);
}

template <typename Ops>
std::unique_ptr<Op> build_quantized_mlp(typename Ops::Build& c, const NodeSpec& node) {
  if constexpr (std::is_same_v<Ops, CpuOps>) {
    expect(node, 1, node.parameters.size());
    const auto floats = [&](const char* name) {
      const std::vector<double>& given = node.attributes.numbers(name);
      return std::vector<float>(given.begin(), given.end());
    };
    const QuantizedMlpSpec spec{floats("inputScale"), floats("inputZero"), floats("hiddenScale")};
    return std::make_unique<QuantizedMlp>(c.op, spec, &c.inputs(node)[0], parameters_of(c, node),
                                          &c.tensors[node.output]);
  } else {
    throw Error("ERR_PRECISION", "Layers in int8 run on the CPU alone; use device cpu, or bf16 or f32.");
  }
}

template <typename Ops>
std::unique_ptr<Op> build(typename Ops::Build& context, const NodeSpec& node) {
  using Builder = std::unique_ptr<Op> (*)(typename Ops::Build&, const NodeSpec&);
  static const std::map<std::string, Builder> builders = {
      {"denseInput", build_dense_input<Ops>},
      {"sparseInput", build_sparse_input<Ops>},
      {"embedding", build_embedding<Ops>},
      {"combine", build_combine<Ops>},
      {"projection", build_projection<Ops>},
      {"tensorTrain", build_tensor_train<Ops>},
      {"sketch", build_sketch<Ops>},
      {"joinSlots", build_join_slots<Ops>},
      {"linear", build_linear<Ops>},
      {"quantizedMlp", build_quantized_mlp<Ops>},
      {"dotInteraction", build_dot_interaction<Ops>},
      {"concat", build_concat<Ops>},
      {"logitSum", build_logit_sum<Ops>},
      {"firstComponent", build_first_component<Ops>},
      {"dropout", build_dropout<Ops>},
      {"fmInteraction", build_fm_interaction<Ops>},
      {"crossNetwork", build_cross_network<Ops>},
      {"crossCombine", build_cross_combine<Ops>},
      {"cin", build_cin<Ops>},
      {"selfAttention", build_self_attention<Ops>},
      {"senet", build_senet<Ops>},
      {"bilinearInteraction", build_bilinear_interaction<Ops>},
  };
  const auto found = builders.find(node.op);
  if (found != builders.end()) return found->second(context, node);
  throw Error("ERR_GRAPH", "Node '" + node.name + "' asks for the unknown op '" + node.op + "'.");
}

}  // namespace

std::unique_ptr<Op> build_op(CpuBuildContext& context, const NodeSpec& node) {
  return build<CpuOps>(context, node);
}

std::unique_ptr<Op> build_op(CudaBuildContext& context, const NodeSpec& node) {
  return build<CudaOps>(context, node);
}

bool can_write_slice(const NodeSpec& producer) {
  return producer.op == "embedding" || producer.op == "bilinearInteraction" || producer.op == "selfAttention";
}

bool takes_bf16(const std::string& op) {
  return op == "denseInput" || op == "linear" || op == "quantizedMlp" || op == "dotInteraction";
}

bool can_fuse(const NodeSpec& producer, const NodeSpec& consumer) {
  return producer.op == "embedding" && consumer.op == "dotInteraction" && consumer.inputs.size() == 2 &&
         consumer.inputs[1] == producer.output && consumer.inputs[0] != producer.output;
}

}  // namespace pss
