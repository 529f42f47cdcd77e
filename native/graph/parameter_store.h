// The parameters of a model and the optimizer's state, by name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/thread_team.h"
#include "graph/graph_spec.h"
#include "ops/op.h"

namespace pss {

// Parameters that one node of the graph owns as a single array (an embedding's M, with its tables as slices).
struct Memory {
  FloatStorage value;
  std::vector<FloatStorage> states;
  int64_t floats = 0;
  int64_t row_length = 1;  // floats that share one float of state
  float l2 = 0;            // of its parameters, see graph_spec.h
  // State array `slot` of optimizer_slots, null where the optimizer has none.
  float* state(size_t slot) const { return slot < states.size() ? states[slot].data : nullptr; }
};

struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  int64_t rows, cols, ld;
  float* data;
  int64_t size() const { return rows * cols; }
};

class ParameterStore {
 public:
  // `memory_of[p]` is the index in `memory_floats` of the array that parameter p is a slice of, or -1 for one
  // of its own. `row_lengths` of each array matter to rowwise-adagrad alone. `backend` outlives the store.
  ParameterStore(const GraphSpec& graph, const std::vector<int>& memory_of,
                 const std::vector<int64_t>& memory_floats, const std::vector<int64_t>& row_lengths,
                 const EngineOptions& options, Backend* backend);

  // Fills parameters from Philox by (seed, name, index), and the state with its first value. Computed on the
  // host by `team`, so the bits are the same on every device.
  void initialise(const ThreadTeam& team);

  std::vector<Parameter>& parameters() { return parameters_; }
  Memory& memory(int index) { return memories_[index]; }
  // State array `slot` that shadows parameter p, or null; for slices of a memory ask the memory.
  float* state(size_t p, size_t slot) const {
    return slot < states_[p].size() ? states_[p][slot].data : nullptr;
  }

  const std::vector<NamedTensor>& parameter_tensors() const { return parameter_tensors_; }
  const std::vector<NamedTensor>& state_tensors() const { return state_tensors_; }

  // Floats [offset, offset + count) in row-major order without padding; throws ERR_TENSOR for an unknown name
  // or a range beyond its end.
  void read(const std::string& name, int64_t offset, int64_t count, float* out) const;
  void write(const std::string& name, int64_t offset, int64_t count, const float* values);

  int64_t parameter_bytes() const;
  int64_t state_bytes() const;

 private:
  const NamedTensor& find(const std::string& name, int64_t offset, int64_t count) const;
  void fill_range(const Parameter& parameter, const ParameterSpec& spec, int64_t first, int64_t last,
                  float* out) const;
  const GraphSpec& graph_;
  EngineOptions options_;
  Backend* backend_;
  std::vector<Parameter> parameters_;
  std::vector<FloatStorage> values_, gradients_;
  std::vector<std::vector<FloatStorage>> states_;
  std::vector<Memory> memories_;
  std::vector<NamedTensor> parameter_tensors_, state_tensors_;
  std::map<std::string, NamedTensor> by_name_;
};

}  // namespace pss
