// The graph as TypeScript describes it (src/graph/graph-spec.ts), checked for sense but not yet for shapes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/precision.h"
#include "optim/optimizer.h"

namespace pss {

class Attributes {
 public:
  using Value = std::variant<bool, double, std::string, std::vector<double>>;
  void set(const std::string& name, Value value) { values_[name] = std::move(value); }
  bool has(const std::string& name) const { return values_.count(name) > 0; }
  // Each throws ERR_GRAPH naming the attribute when it is missing or of another type.
  bool boolean(const std::string& name) const { return get<bool>(name); }
  double number(const std::string& name) const { return get<double>(name); }
  int64_t integer(const std::string& name) const { return static_cast<int64_t>(get<double>(name)); }
  const std::string& string(const std::string& name) const { return get<std::string>(name); }
  std::vector<int64_t> integers(const std::string& name) const;
  const std::vector<double>& numbers(const std::string& name) const { return get<std::vector<double>>(name); }

 private:
  template <typename T>
  const T& get(const std::string& name) const;
  std::map<std::string, Value> values_;
};

enum class InitKind { kNormal, kUniform, kZeros };

struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
};

struct ParameterSpec {
  std::string name;
  std::vector<int64_t> shape;
  InitKind init;
  double scale;   // standard deviation or bound
  double l2 = 0;  // updates see the gradient of the loss + l2 * sum of squares
};

struct NodeSpec {
  std::string op;
  std::string name;
  std::vector<int> inputs;
  int output;
  std::vector<int> parameters;
  Attributes attributes;
};

struct GraphSpec {
  int64_t num_dense;
  int64_t num_tables;
  std::vector<TensorSpec> tensors;
  std::vector<ParameterSpec> parameters;
  std::vector<NodeSpec> nodes;
  int logits;
};

enum class DeviceKind { kCpu, kCuda };

struct EngineOptions {
  int64_t batch_size;
  int threads;
  uint64_t seed;
  OptimizerSpec optimizer;
  std::string isa;
  bool training;
  bool guards;
  DeviceKind device = DeviceKind::kCpu;
  int device_index = 0;
  Precision precision = Precision::kF32;
  bool deterministic = true;
  bool tf32 = false;
  bool cublaslt = true;  // let cuBLASLt serve products, where it is installed
  bool graphs = true;    // launch captured steps, where the driver can
};

// Throws ERR_GRAPH when an index points nowhere or a tensor is read before it is written.
void check_graph(const GraphSpec& graph);

}  // namespace pss
