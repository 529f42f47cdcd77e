#include "graph/parameter_store.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/philox.h"

namespace pss {

namespace {

constexpr int64_t kBlock = 1 << 14;
// Vector loads may run past the end of M: see embedding.h.
constexpr int64_t kTail = 64;

int64_t product(const std::vector<int64_t>& shape) {
  int64_t size = 1;
  for (const int64_t extent : shape) size *= extent;
  return size;
}

void fill(const ThreadTeam& team, AlignedBuffer<float>& buffer, float value) {
  team.run_blocks(static_cast<int64_t>(buffer.size()), kBlock, [&](int64_t first, int64_t last) {
    std::fill(buffer.data() + first, buffer.data() + last, value);
  });
}

}  // namespace

ParameterStore::ParameterStore(const GraphSpec& graph, const std::vector<int>& memory_of,
                               const std::vector<int64_t>& memory_floats,
                               const std::vector<int64_t>& row_lengths, const EngineOptions& options)
    : graph_(graph), options_(options) {
  const std::vector<std::string> slots =
      options.training ? optimizer_slots(options.optimizer.kind) : std::vector<std::string>{};
  for (size_t i = 0; i < memory_floats.size(); i++) {
    Memory memory;
    memory.floats = memory_floats[i];
    memory.value = AlignedBuffer<float>(memory.floats + kTail);
    if (options.optimizer.kind == OptimizerKind::kRowwiseAdagrad) memory.row_length = row_lengths[i];
    for (size_t s = 0; s < slots.size(); s++) {
      memory.states.emplace_back((memory.floats + memory.row_length - 1) / memory.row_length + kTail);
    }
    memories_.push_back(std::move(memory));
  }
  std::vector<int64_t> used(memory_floats.size(), 0);
  states_.resize(graph.parameters.size());
  for (size_t p = 0; p < graph.parameters.size(); p++) {
    const ParameterSpec& spec = graph.parameters[p];
    const int64_t size = product(spec.shape);
    if (size <= 0) throw Error("ERR_GRAPH", "Parameter '" + spec.name + "' has no elements.");
    Parameter parameter{spec.name, spec.shape, 1, size, size, nullptr, nullptr};
    const auto shadow = [&](const std::string& slot, float* data, int64_t row_length) {
      NamedTensor state{spec.name + "." + slot, spec.shape,   parameter.rows,
                        parameter.cols,         parameter.ld, data};
      if (row_length > 1) {
        state.cols = state.ld = (size + row_length - 1) / row_length;
        state.rows = 1;
        state.shape = {state.cols};
      }
      state_tensors_.push_back(state);
    };
    if (memory_of[p] >= 0) {
      Memory& memory = memories_[memory_of[p]];
      int64_t& offset = used[memory_of[p]];
      if (offset + size > memory.floats) {
        throw Error("ERR_GRAPH", "Parameter '" + spec.name + "' doesn't fit its embedding's memory.");
      }
      parameter.value = memory.value.data() + offset;
      for (size_t s = 0; s < slots.size(); s++) {
        shadow(slots[s], memory.states[s].data() + offset / memory.row_length, memory.row_length);
      }
      offset += size;
    } else {
      parameter.rows = spec.shape.size() > 1 ? spec.shape[0] : 1;
      parameter.cols = size / parameter.rows;
      parameter.ld = pad_to_vector(parameter.cols);
      values_.emplace_back(parameter.stored());
      parameter.value = values_.back().data();
      if (options.training) {
        gradients_.emplace_back(parameter.stored());
        parameter.gradient = gradients_.back().data();
      }
      for (const std::string& slot : slots) {
        states_[p].emplace_back(parameter.stored());
        shadow(slot, states_[p].back().data(), 1);
      }
    }
    parameter_tensors_.push_back(
        {spec.name, spec.shape, parameter.rows, parameter.cols, parameter.ld, parameter.value});
    parameters_.push_back(parameter);
  }
  for (const auto* tensors : {&parameter_tensors_, &state_tensors_}) {
    for (const NamedTensor& tensor : *tensors) {
      if (!by_name_.emplace(tensor.name, tensor).second) {
        throw Error("ERR_GRAPH", "Two tensors are called '" + tensor.name + "'.");
      }
    }
  }
}

void ParameterStore::initialise(const ThreadTeam& team) {
  for (size_t p = 0; p < parameters_.size(); p++) {
    const Parameter& parameter = parameters_[p];
    const ParameterSpec& spec = graph_.parameters[p];
    if (spec.init == InitKind::kZeros) continue;
    const uint64_t name = name_key(spec.name), seed = options_.seed;
    const float scale = static_cast<float>(spec.scale);
    team.run_blocks(parameter.rows * parameter.cols, kBlock, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; i++) {
        const float unit = spec.init == InitKind::kNormal ? philox_normal(seed, name, i)
                                                          : 2 * philox_uniform(seed, name, i) - 1;
        parameter.value[i / parameter.cols * parameter.ld + i % parameter.cols] = scale * unit;
      }
    });
  }
  const bool accumulates = options_.optimizer.kind == OptimizerKind::kAdagrad ||
                           options_.optimizer.kind == OptimizerKind::kRowwiseAdagrad;
  if (!accumulates || options_.optimizer.initial_accumulator == 0) return;
  for (auto& states : states_) {
    for (auto& state : states) fill(team, state, options_.optimizer.initial_accumulator);
  }
  for (Memory& memory : memories_) {
    for (auto& state : memory.states) fill(team, state, options_.optimizer.initial_accumulator);
  }
}

std::vector<float*> ParameterStore::states(int p) {
  std::vector<float*> pointers;
  for (auto& state : states_[p]) pointers.push_back(state.data());
  return pointers;
}

const NamedTensor& ParameterStore::find(const std::string& name, int64_t offset, int64_t count) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) throw Error("ERR_TENSOR", "The model has no tensor called '" + name + "'.");
  if (offset < 0 || count < 0 || offset + count > found->second.size()) {
    throw Error("ERR_TENSOR", "Tensor '" + name + "' has " + std::to_string(found->second.size()) +
                                  " floats; a range up to " + std::to_string(offset + count) +
                                  " was asked for.");
  }
  return found->second;
}

void ParameterStore::read(const std::string& name, int64_t offset, int64_t count, float* out) const {
  const NamedTensor& t = find(name, offset, count);
  for (int64_t i = offset; i < offset + count;) {
    const int64_t run = std::min(t.cols - i % t.cols, offset + count - i);
    std::memcpy(out + i - offset, t.data + i / t.cols * t.ld + i % t.cols, run * sizeof(float));
    i += run;
  }
}

void ParameterStore::write(const std::string& name, int64_t offset, int64_t count, const float* values) {
  const NamedTensor& t = find(name, offset, count);
  for (int64_t i = offset; i < offset + count;) {
    const int64_t run = std::min(t.cols - i % t.cols, offset + count - i);
    std::memcpy(t.data + i / t.cols * t.ld + i % t.cols, values + i - offset, run * sizeof(float));
    i += run;
  }
}

int64_t ParameterStore::parameter_bytes() const {
  int64_t floats = 0;
  for (const NamedTensor& tensor : parameter_tensors_) floats += tensor.size();
  return floats * static_cast<int64_t>(sizeof(float));
}

int64_t ParameterStore::state_bytes() const {
  int64_t floats = 0;
  for (const NamedTensor& tensor : state_tensors_) floats += tensor.size();
  return floats * static_cast<int64_t>(sizeof(float));
}

}  // namespace pss
