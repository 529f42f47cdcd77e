#include "graph/program.h"

#include <algorithm>
#include <cmath>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "graph/buffer_placer.h"
#include "graph/cpu_program.h"
#include "graph/cuda_program.h"
#include "graph/embedding_node.h"
#include "ops/embedding/embedding.h"

namespace pss {

namespace {

constexpr int64_t kPredictRows =
    1024;                        // least capacity, so that small training batches don't slow prediction
constexpr int64_t kMargin = 64;  // floats of sentinel around every buffer under `guards`
constexpr float kSentinel = -6.0221408e23f;

void append(std::vector<IdBound>& all, const std::vector<IdBound>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

Program::Program(GraphSpec graph, const EngineOptions& options, std::unique_ptr<Backend> backend)
    : backend_(std::move(backend)),
      graph_(std::move(graph)),
      options_(options),
      team_(options.threads),
      max_batch_(std::max(options.batch_size, kPredictRows)) {
  check_graph(graph_);
  if (options.batch_size < 1) throw Error("ERR_GRAPH", "The batch size must be at least 1.");
}

void Program::compile() {
  find_embeddings();
  place_buffers();
  build_gradient_sums();
  for (const NodeSpec& node : graph_.nodes) ops_.push_back(build_op(node));
  build_rest(options_.training, scores());
  store_->initialise(team_);
}

void Program::find_embeddings() {
  memory_of_.assign(graph_.parameters.size(), -1);
  std::vector<int64_t> memory_floats, row_lengths;
  for (size_t i = 0; i < graph_.nodes.size(); i++) {
    const NodeSpec& node = graph_.nodes[i];
    if (node.op == "sketch") append(id_bounds_, sketch_id_bounds(node));
    if (node.op != "embedding") continue;
    const int memory = static_cast<int>(memory_floats.size());
    embeddings_.push_back({static_cast<int>(i), memory, embedding_addressing(graph_, node),
                           options_.training && embedding_gradient_is_dense(node)});
    const Addressing& addressing = embeddings_.back().addressing;
    append(id_bounds_, id_bounds(addressing));
    for (const int parameter : node.parameters) memory_of_[parameter] = memory;
    memory_floats.push_back(addressing.memory_size);
    row_lengths.push_back(addressing.Z);
  }
  store_ = std::make_unique<ParameterStore>(graph_, memory_of_, memory_floats, row_lengths, options_,
                                            backend_.get());
}

void Program::place_buffers() {
  const auto keeps = [&](const NodeSpec& producer, const std::vector<const NodeSpec*>& readers) {
    return keeps_bf16(producer, readers);
  };
  BufferPlacer placer(graph_, options_.training, max_batch_, keeps);
  const std::vector<BufferRequest>& requests = placer.requests();
  const int64_t margin = options_.guards ? kMargin : 0;
  plan_ = plan_memory(requests, margin, runs_in_graph_order());
  arena_ = backend_->allocate(plan_.floats);
  if (options_.guards) backend_->fill(arena_.data, arena_.size, kSentinel);
  for (size_t r = 0; r < requests.size(); r++) {
    if (options_.guards) backend_->fill(arena_.data + plan_.offsets[r], requests[r].floats, 0);
  }
  placer.place(arena_.data, plan_.offsets);
  tensors_ = placer.tensors();
  reads_ = placer.reads();
}

void Program::build_gradient_sums() {
  gradient_sums_.resize(graph_.nodes.size());
  for (size_t i = 0; i < graph_.nodes.size(); i++) {
    const Tensor& total = tensors_[graph_.nodes[i].output];
    if (!total.gradient) continue;
    std::vector<const float*> parts;
    for (size_t n = 0; n < graph_.nodes.size(); n++) {
      for (size_t k = 0; k < reads_[n].size(); k++) {
        const bool reads = graph_.nodes[n].inputs[k] == graph_.nodes[i].output;
        if (reads && reads_[n][k].gradient != total.gradient) parts.push_back(reads_[n][k].gradient);
      }
    }
    if (!parts.empty()) gradient_sums_[i] = build_gradient_sum(&total, std::move(parts));
  }
}

Batch Program::slice(const Batch& rows, int64_t first, int64_t count, int64_t step) const {
  return {count, rows.labels + first, rows.dense + first * graph_.num_dense,
          rows.sparse + first * graph_.num_tables, step};
}

void Program::check_batch(const Batch& batch) const {
  check_ids(batch.sparse, batch.B, graph_.num_tables, id_bounds_);
}

void Program::forward(const Batch& batch) {
  for (size_t i = 0; i < ops_.size(); i++) {
    if (!ops_[i]) continue;
    timed(graph_.nodes[i].name + ".forward", [&] { ops_[i]->forward(batch); });
    check_guards(graph_.nodes[i].name);
  }
}

void Program::backward(const Batch& batch) {
  for (size_t i = ops_.size(); i-- > 0;) {
    if (!ops_[i] || !tensors_[graph_.nodes[i].output].gradient) continue;
    timed(graph_.nodes[i].name + ".backward", [&] {
      if (gradient_sums_[i]) gradient_sums_[i]->backward(batch);
      ops_[i]->backward(batch);
    });
    check_guards(graph_.nodes[i].name);
  }
}

int64_t Program::train(const Batch& rows, int64_t batch_size, int64_t first_step,
                       const double* learning_rates, double* losses, int64_t* losses_filled,
                       const std::atomic<bool>& stop) {
  if (!options_.training || !scores())
    throw Error("ERR_GRAPH", "This engine was built for prediction and can't train.");
  if (batch_size < 1 || batch_size > max_batch_) {
    throw Error("ERR_GRAPH", "A batch of " + std::to_string(batch_size) +
                                 " rows doesn't fit an engine built for " + std::to_string(max_batch_) + ".");
  }
  check_batch(rows);
  *losses_filled = 0;
  return run_steps({rows, batch_size, first_step, learning_rates, losses, losses_filled}, stop);
}

void Program::predict(const Batch& rows, float* logits, const std::atomic<bool>& stop) {
  if (!scores()) throw Error("ERR_GRAPH", "The graph's output isn't one logit a row.");
  check_batch(rows);
  run_predict(rows, logits, stop);
}

std::vector<float> Program::collect(const float* data, int64_t rows, int64_t cols, int64_t ld) const {
  // A slice of a wider tensor ends before its row does.
  std::vector<float> padded(static_cast<size_t>(rows * ld));
  if (rows > 0) backend_->copy_out(padded.data(), data, (rows - 1) * ld + cols);
  if (ld == cols) return padded;
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (int64_t r = 0; r < rows; r++) {
    std::copy_n(padded.data() + r * ld, cols, values.data() + r * cols);
  }
  return values;
}

std::vector<float> Program::collect(const Tensor& tensor, const float* data, int64_t rows) const {
  if (!tensor.bf16) return collect(data, rows, tensor.cols, tensor.ld);
  std::vector<float> words = collect(data, rows, tensor.ld / 2, tensor.ld / 2);
  const auto* elements = reinterpret_cast<const Bf16*>(words.data());
  std::vector<float> values;
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < tensor.cols; c++) values.push_back(to_float(elements[r * tensor.ld + c]));
  }
  return values;
}

TraceResult Program::trace(const Batch& batch, const float* output_gradient) {
  if (batch.B > max_batch_) throw Error("ERR_GRAPH", "The batch is larger than the engine was built for.");
  const Tensor& out = output();
  TraceResult result{std::nan(""), {}, {}, {}};
  check_batch(batch);
  Batch traced = batch;
  traced.step = options_.training ? 1 : 0;
  const Batch staged = stage(traced);
  forward(staged);
  // Values are collected before the backward pass, which may reuse the memory of those nobody reads any more.
  for (const Tensor& tensor : tensors_) {
    if (tensor.value) result.values[tensor.name] = collect(tensor, tensor.value, batch.B);
  }
  if (!options_.training) return result;
  if (!output_gradient) {
    if (!scores()) throw Error("ERR_GRAPH", "The graph's output isn't one logit a row: give its gradient.");
    result.loss = run_loss(staged);
  } else if (out.gradient) {
    std::vector<float> padded(static_cast<size_t>(batch.B * out.ld), 0.0f);
    for (int64_t b = 0; b < batch.B; b++) {
      std::copy_n(output_gradient + b * out.cols, out.cols, padded.data() + b * out.ld);
    }
    backend_->copy_in(out.gradient, padded.data(), batch.B * out.ld);
  }
  for (size_t i = ops_.size(); i-- > 0;) {
    const Tensor& tensor = tensors_[graph_.nodes[i].output];
    if (!ops_[i] || !tensor.gradient) continue;
    if (gradient_sums_[i]) gradient_sums_[i]->backward(staged);
    result.gradients[tensor.name] = collect(tensor, tensor.gradient, batch.B);
    ops_[i]->backward(staged);
    check_guards(graph_.nodes[i].name);
  }
  collect_embedding_gradients(batch, result);
  for (const Parameter& parameter : store_->parameters()) {
    if (!parameter.gradient) continue;
    result.parameter_gradients[parameter.name] =
        collect(parameter.gradient, parameter.rows, parameter.cols, parameter.ld);
  }
  return result;
}

void Program::collect_embedding_gradients(const Batch& batch, TraceResult& result) const {
  for (const EmbeddingNode& embedding : embeddings_) {
    const Tensor& slots = slots_of(embedding);
    if (!slots.gradient) continue;
    const Addressing& addressing = embedding.addressing;
    std::vector<uint32_t> starts(static_cast<size_t>(batch.B * addressing.T * addressing.chunks));
    compute_starts(starts.data(), batch.sparse, 0, batch.B, addressing);
    const std::vector<float> dslots = collect(slots, slots.gradient, batch.B);
    const Memory& memory = store_->memory(embedding.memory);
    std::vector<float> dmemory(static_cast<size_t>(memory.floats), 0.0f);
    scatter_add_ref(dmemory.data(), dslots.data(), slots.cols, starts.data(), batch.B, addressing);
    for (size_t p = 0; p < memory_of_.size(); p++) {
      if (memory_of_[p] != embedding.memory) continue;
      const Parameter& parameter = store_->parameters()[p];
      const auto first = dmemory.begin() + (parameter.value - memory.value.data);
      result.parameter_gradients[parameter.name] = {first, first + parameter.cols};
    }
  }
}

void Program::parameters_changed() {
  for (auto& op : ops_) {
    if (op) op->parameters_changed();
  }
}

void Program::check_guards(const std::string& after) const {
  if (!options_.guards) return;
  const float* arena = arena_.data;
  std::vector<float> copy;
  if (!backend_->on_host()) {
    copy.resize(static_cast<size_t>(arena_.size));
    backend_->copy_out(copy.data(), arena_.data, arena_.size);
    arena = copy.data();
  }
  for (const Tensor& tensor : tensors_) {
    for (const float* data : {tensor.value, tensor.gradient}) {
      if (!data || tensor.sliced) continue;
      const float* before = arena + (data - arena_.data);
      const float* behind = before + pad_to_vector(tensor.stored(max_batch_));
      const auto whole = [](float value) { return value == kSentinel; };
      if (std::all_of(before - kMargin, before, whole) && std::all_of(behind, behind + kMargin, whole))
        continue;
      throw Error("ERR_GUARD", "Node '" + after + "' wrote outside its buffers.");
    }
  }
}

std::vector<NodeDescription> Program::describe() const {
  std::vector<NodeDescription> nodes;
  for (size_t i = 0; i < ops_.size(); i++) {
    nodes.push_back({graph_.nodes[i].name, graph_.nodes[i].op, ops_[i] ? ops_[i]->implementation() : "none"});
  }
  return nodes;
}

std::map<std::string, double> Program::take_timings() {
  std::map<std::string, double> taken;
  taken.swap(timings_);
  return taken;
}

std::unique_ptr<Program> make_program(GraphSpec graph, const EngineOptions& options) {
  if (options.device == DeviceKind::kCuda) return std::make_unique<CudaProgram>(std::move(graph), options);
  return std::make_unique<CpuProgram>(std::move(graph), options);
}

}  // namespace pss
