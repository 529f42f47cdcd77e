#include "graph/parameter_store.h"

#include <algorithm>
#include <utility>

#include "base/aligned_buffer.h"
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

// Rows of a padded tensor that pass through host memory at a time, in floats.
constexpr int64_t kStage = 1 << 22;

}  // namespace

ParameterStore::ParameterStore(const GraphSpec& graph, const std::vector<int>& memory_of,
                               const std::vector<int64_t>& memory_floats,
                               const std::vector<int64_t>& row_lengths, const EngineOptions& options,
                               Backend* backend)
    : graph_(graph), options_(options), backend_(backend) {
  const std::vector<std::string> slots =
      options.training ? optimizer_slots(options.optimizer.kind) : std::vector<std::string>{};
  for (size_t i = 0; i < memory_floats.size(); i++) {
    Memory memory;
    memory.floats = memory_floats[i];
    memory.value = backend->allocate(memory.floats + kTail);
    if (options.optimizer.kind == OptimizerKind::kRowwiseAdagrad) memory.row_length = row_lengths[i];
    for (size_t s = 0; s < slots.size(); s++) {
      memory.states.push_back(
          backend->allocate((memory.floats + memory.row_length - 1) / memory.row_length + kTail));
    }
    memories_.push_back(std::move(memory));
  }
  std::vector<int64_t> used(memory_floats.size(), 0);
  states_.resize(graph.parameters.size());
  for (size_t p = 0; p < graph.parameters.size(); p++) {
    const ParameterSpec& spec = graph.parameters[p];
    const int64_t size = product(spec.shape);
    if (size <= 0) throw Error("ERR_GRAPH", "Parameter '" + spec.name + "' has no elements.");
    Parameter parameter{spec.name, spec.shape, 1, size, size, nullptr, nullptr, static_cast<float>(spec.l2)};
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
      memory.l2 = parameter.l2;
      int64_t& offset = used[memory_of[p]];
      if (offset + size > memory.floats) {
        throw Error("ERR_GRAPH", "Parameter '" + spec.name + "' doesn't fit its embedding's memory.");
      }
      parameter.value = memory.value.data + offset;
      for (size_t s = 0; s < slots.size(); s++) {
        shadow(slots[s], memory.states[s].data + offset / memory.row_length, memory.row_length);
      }
      offset += size;
    } else {
      parameter.rows = spec.shape.size() > 1 ? spec.shape[0] : 1;
      parameter.cols = size / parameter.rows;
      parameter.ld = pad_to_vector(parameter.cols);
      values_.push_back(backend->allocate(parameter.stored()));
      parameter.value = values_.back().data;
      if (options.training) {
        gradients_.push_back(backend->allocate(parameter.stored()));
        parameter.gradient = gradients_.back().data;
      }
      for (const std::string& slot : slots) {
        states_[p].push_back(backend->allocate(parameter.stored()));
        shadow(slot, states_[p].back().data, 1);
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

// Elements [first, last) of a parameter, `out` being where the row of the first one starts.
void ParameterStore::fill_range(const Parameter& parameter, const ParameterSpec& spec, int64_t first,
                                int64_t last, float* out) const {
  const uint64_t name = name_key(spec.name), seed = options_.seed;
  const float scale = static_cast<float>(spec.scale);
  const int64_t first_row = first / parameter.cols;
  for (int64_t i = first; i < last; i++) {
    const float unit =
        spec.init == InitKind::kNormal ? philox_normal(seed, name, i) : 2 * philox_uniform(seed, name, i) - 1;
    out[(i / parameter.cols - first_row) * parameter.ld + i % parameter.cols] = scale * unit;
  }
}

void ParameterStore::initialise(const ThreadTeam& team) {
  AlignedBuffer<float> stage;
  for (size_t p = 0; p < parameters_.size(); p++) {
    const ParameterSpec& spec = graph_.parameters[p];
    if (spec.init == InitKind::kZeros) continue;
    // A memory's slice is one long row: cut it as if it had short ones.
    Parameter shape = parameters_[p];
    const bool plain = shape.ld == shape.cols;
    if (plain) shape.rows = shape.rows * shape.cols, shape.cols = shape.ld = 1;
    const int64_t rows_at_once = backend_->on_host() ? shape.rows : std::max<int64_t>(1, kStage / shape.ld);
    for (int64_t row = 0; row < shape.rows; row += rows_at_once) {
      const int64_t rows = std::min(rows_at_once, shape.rows - row);
      float* target = shape.value + row * shape.ld;
      if (!backend_->on_host()) stage = AlignedBuffer<float>(static_cast<size_t>(rows * shape.ld));
      float* out = backend_->on_host() ? target : stage.data();
      team.run_blocks(rows * shape.cols, kBlock, [&](int64_t first, int64_t last) {
        fill_range(shape, spec, row * shape.cols + first, row * shape.cols + last,
                   out + first / shape.cols * shape.ld);
      });
      if (!backend_->on_host()) backend_->copy_in(target, out, rows * shape.ld);
    }
  }
  const bool accumulates = options_.optimizer.kind == OptimizerKind::kAdagrad ||
                           options_.optimizer.kind == OptimizerKind::kRowwiseAdagrad;
  const float first_value = options_.optimizer.initial_accumulator;
  if (!accumulates || first_value == 0) return;
  for (const auto& states : states_) {
    for (const FloatStorage& state : states) backend_->fill(state.data, state.size, first_value);
  }
  for (const Memory& memory : memories_) {
    for (const FloatStorage& state : memory.states) backend_->fill(state.data, state.size, first_value);
  }
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

namespace {

// Calls visit(tensor data, host data, floats) for every contiguous piece of elements [offset, offset +
// count).
template <typename Host, typename Visit>
void for_each_run(const NamedTensor& t, int64_t offset, int64_t count, Host* host, const Visit& visit) {
  const bool plain = t.ld == t.cols;
  for (int64_t i = offset; i < offset + count;) {
    const int64_t run = plain ? count : std::min(t.cols - i % t.cols, offset + count - i);
    visit(t.data + i / t.cols * t.ld + i % t.cols, host + (i - offset), run);
    i += run;
  }
}

// The rows that elements [offset, offset + count) of a padded tensor lie in, brought to the host as they are.
struct StagedRows {
  StagedRows(const NamedTensor& t, int64_t offset, int64_t count, Backend* backend)
      : first(offset / t.cols), last((offset + count + t.cols - 1) / t.cols), staged(t) {
    values.resize(static_cast<size_t>((last - first) * t.ld));
    backend->copy_out(values.data(), t.data + first * t.ld, (last - first) * t.ld);
    staged.data = values.data();
  }
  int64_t first, last;
  std::vector<float> values;
  NamedTensor staged;  // starts at row `first`
};

}  // namespace

void ParameterStore::read(const std::string& name, int64_t offset, int64_t count, float* out) const {
  const NamedTensor& t = find(name, offset, count);
  if (count == 0) return;
  const auto copy = [&](float* data, float* host, int64_t run) { backend_->copy_out(host, data, run); };
  if (backend_->on_host() || t.ld == t.cols) return for_each_run(t, offset, count, out, copy);
  const StagedRows rows(t, offset, count, backend_);
  for_each_run(rows.staged, offset - rows.first * t.cols, count, out,
               [](float* data, float* host, int64_t run) { std::copy_n(data, run, host); });
}

void ParameterStore::write(const std::string& name, int64_t offset, int64_t count, const float* values) {
  const NamedTensor& t = find(name, offset, count);
  if (count == 0) return;
  const auto copy = [&](float* data, const float* host, int64_t run) { backend_->copy_in(data, host, run); };
  if (backend_->on_host() || t.ld == t.cols) return for_each_run(t, offset, count, values, copy);
  const StagedRows rows(t, offset, count, backend_);
  for_each_run(rows.staged, offset - rows.first * t.cols, count, values,
               [](float* data, const float* host, int64_t run) { std::copy_n(host, run, data); });
  backend_->copy_in(t.data + rows.first * t.ld, rows.values.data(), (rows.last - rows.first) * t.ld);
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
