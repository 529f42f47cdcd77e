#include "graph/op_list.h"

#include <functional>
#include <map>

#include "base/error.h"
#include "graph/embedding_node.h"
#include "ops/dense_input/dense_input.h"
#include "ops/dot_interaction/dot_interaction.h"
#include "ops/linear/linear.h"

namespace pss {

namespace {

using Builder = std::function<std::unique_ptr<Op>(BuildContext&, const NodeSpec&)>;

void expect(const NodeSpec& node, size_t inputs, size_t parameters) {
  if (node.inputs.size() == inputs && node.parameters.size() == parameters) return;
  throw Error("ERR_GRAPH", "Node '" + node.name + "' (" + node.op + ") takes " + std::to_string(inputs) +
                               " inputs and " + std::to_string(parameters) + " parameters.");
}

std::unique_ptr<Op> build_dense_input(BuildContext& c, const NodeSpec& node) {
  expect(node, 0, 0);
  return std::make_unique<DenseInput>(c.op, &c.tensors[node.output]);
}

std::unique_ptr<Op> build_sparse_input(BuildContext&, const NodeSpec& node) {
  expect(node, 0, 0);
  return nullptr;
}

std::unique_ptr<Op> build_embedding(BuildContext& c, const NodeSpec& node) {
  expect(node, 1, node.parameters.size());
  const Addressing addressing = embedding_addressing(c.graph, node);
  const Memory& memory = c.store.memory(c.memory_of[node.parameters.at(0)]);
  auto op = std::make_unique<Embedding>(c.op, addressing, memory.value.data(), &c.tensors[node.output]);
  if (!c.tensors[node.output].value) c.virtual_slots[node.output] = op.get();
  return op;
}

std::unique_ptr<Op> build_linear(BuildContext& c, const NodeSpec& node) {
  expect(node, 1, 2);
  const std::string& activation = node.attributes.string("activation");
  if (activation != "relu" && activation != "none") {
    throw Error("ERR_GRAPH", "Layer '" + node.name + "' has an unknown activation '" + activation + "'.");
  }
  const auto& parameters = c.store.parameters();
  return std::make_unique<Linear>(c.op, &c.tensors[node.inputs[0]], &parameters[node.parameters[0]],
                                  &parameters[node.parameters[1]], activation == "relu",
                                  &c.tensors[node.output]);
}

std::unique_ptr<Op> build_dot_interaction(BuildContext& c, const NodeSpec& node) {
  expect(node, 2, 0);
  const int slots = node.inputs[1];
  return std::make_unique<DotInteraction>(c.op, &c.tensors[node.inputs[0]], &c.tensors[slots],
                                          c.virtual_slots[slots], &c.tensors[node.output]);
}

const std::map<std::string, Builder>& builders() {
  static const std::map<std::string, Builder> map = {
      {"denseInput", build_dense_input},
      {"sparseInput", build_sparse_input},
      {"embedding", build_embedding},
      {"linear", build_linear},
      {"dotInteraction", build_dot_interaction},
  };
  return map;
}

}  // namespace

std::unique_ptr<Op> build_op(BuildContext& context, const NodeSpec& node) {
  const auto found = builders().find(node.op);
  if (found == builders().end()) {
    throw Error("ERR_GRAPH", "Node '" + node.name + "' asks for the unknown op '" + node.op + "'.");
  }
  return found->second(context, node);
}

bool can_fuse(const NodeSpec& producer, const NodeSpec& consumer) {
  return producer.op == "embedding" && consumer.op == "dotInteraction" && consumer.inputs.size() == 2 &&
         consumer.inputs[1] == producer.output && consumer.inputs[0] != producer.output;
}

}  // namespace pss
