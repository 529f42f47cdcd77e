#include "graph/graph_spec.h"

#include "base/error.h"

namespace pss {

template <typename T>
const T& Attributes::get(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw Error("ERR_GRAPH", "A node lacks its attribute '" + name + "'.");
  const T* value = std::get_if<T>(&found->second);
  if (!value) throw Error("ERR_GRAPH", "A node's attribute '" + name + "' has the wrong type.");
  return *value;
}

template const bool& Attributes::get<bool>(const std::string&) const;
template const double& Attributes::get<double>(const std::string&) const;
template const std::string& Attributes::get<std::string>(const std::string&) const;

std::vector<int64_t> Attributes::integers(const std::string& name) const {
  const auto& values = get<std::vector<double>>(name);
  return {values.begin(), values.end()};
}

namespace {

void check_index(const std::string& node, const char* what, int index, size_t count) {
  if (index >= 0 && static_cast<size_t>(index) < count) return;
  throw Error("ERR_GRAPH", "Node '" + node + "' names " + what + " " + std::to_string(index) +
                               ", but there are " + std::to_string(count) + ".");
}

}  // namespace

void check_graph(const GraphSpec& graph) {
  std::vector<bool> written(graph.tensors.size(), false);
  for (const NodeSpec& node : graph.nodes) {
    for (const int input : node.inputs) {
      check_index(node.name, "tensor", input, graph.tensors.size());
      if (!written[input]) {
        throw Error("ERR_GRAPH", "Node '" + node.name + "' reads '" + graph.tensors[input].name +
                                     "' before it is written.");
      }
    }
    for (const int parameter : node.parameters) {
      check_index(node.name, "parameter", parameter, graph.parameters.size());
    }
    check_index(node.name, "tensor", node.output, graph.tensors.size());
    if (written[node.output]) {
      throw Error("ERR_GRAPH",
                  "Node '" + node.name + "' writes '" + graph.tensors[node.output].name + "' again.");
    }
    written[node.output] = true;
  }
  check_index("output", "tensor", graph.logits, graph.tensors.size());
  if (!written[graph.logits]) throw Error("ERR_GRAPH", "No node writes the graph's output.");
}

}  // namespace pss
