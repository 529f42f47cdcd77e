#include "graph/program.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "graph/embedding_node.h"

namespace pss {

namespace {

constexpr int64_t kPredictRows =
    1024;  // least capacity, so that small training batches don't slow prediction
constexpr int64_t kUpdateBlock = 1 << 14;  // floats of a dense parameter updated by one task
constexpr int64_t kMargin = 64;            // floats of sentinel around every buffer under `guards`
constexpr float kSentinel = -6.0221408e23f;

Batch slice(const Batch& rows, int64_t first, int64_t count, int64_t num_dense, int64_t num_tables) {
  return {count, rows.labels + first, rows.dense + first * num_dense, rows.sparse + first * num_tables};
}

}  // namespace

template <typename Body>
void Program::timed(const std::string& part, const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  timings_[part] +=
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

Program::Program(GraphSpec graph, const EngineOptions& options)
    : graph_(std::move(graph)), options_(options), team_(options.threads) {
  check_graph(graph_);
  if (options.batch_size < 1) throw Error("ERR_GRAPH", "The batch size must be at least 1.");
  context_ = {&team_, choose_isa(options.isa), options.training, std::max(options.batch_size, kPredictRows)};
  memory_of_.assign(graph_.parameters.size(), -1);
  std::vector<int64_t> memory_floats, row_lengths;
  for (const NodeSpec& node : graph_.nodes) {
    if (node.op != "embedding") continue;
    const Addressing addressing = embedding_addressing(graph_, node);
    for (const int parameter : node.parameters)
      memory_of_[parameter] = static_cast<int>(memory_floats.size());
    memory_floats.push_back(addressing.memory_size);
    row_lengths.push_back(embedding_row_length(addressing));
  }
  store_ = std::make_unique<ParameterStore>(graph_, memory_of_, memory_floats, row_lengths, options_);
  place_buffers();
  build_ops();
  if (options.training) build_updates();
  store_->initialise(team_);
}

// Values live from their producer's forward to their last reader (their producer's backward, when training),
// gradients from the first backward that writes them to their producer's backward, those of slots to the
// update.
void Program::place_buffers() {
  const int count = static_cast<int>(graph_.nodes.size());
  const auto backward_time = [&](int node) { return 2 * count - node; };
  const int end = 2 * count + 1;
  std::vector<int> producer(graph_.tensors.size(), -1);
  std::vector<std::vector<int>> consumers(graph_.tensors.size());
  std::vector<bool> learns(graph_.tensors.size(), false);
  for (int i = 0; i < count; i++) {
    const NodeSpec& node = graph_.nodes[i];
    producer[node.output] = i;
    learns[node.output] = !node.parameters.empty();
    for (const int input : node.inputs) {
      consumers[input].push_back(i);
      if (learns[input]) learns[node.output] = true;
    }
  }
  std::vector<BufferRequest> requests;
  std::vector<std::pair<int, bool>> owners;  // tensor, and whether it is its gradient
  tensors_.resize(graph_.tensors.size());
  for (int t = 0; t < static_cast<int>(tensors_.size()); t++) {
    Tensor& tensor = tensors_[t];
    tensor.name = graph_.tensors[t].name;
    tensor.shape = graph_.tensors[t].shape;
    tensor.cols = 1;
    for (const int64_t extent : tensor.shape) tensor.cols *= extent;
    tensor.ld = tensor.cols == 1 ? 1 : pad_to_vector(tensor.cols);
    const int p = producer[t];
    if (p < 0 || graph_.nodes[p].op == "sparseInput") continue;
    // Padding is zero from the start and no op writes it, so a padded tensor can't share its memory.
    const bool padded = tensor.ld != tensor.cols;
    const bool output = t == graph_.logits;
    const bool fused =
        !output && consumers[t].size() == 1 && can_fuse(graph_.nodes[p], graph_.nodes[consumers[t][0]]);
    const int64_t floats = tensor.ld * context_.max_batch;
    if (!fused) {
      int last = options_.training ? backward_time(p) : p;
      for (const int consumer : consumers[t]) last = std::max(last, consumer);
      requests.push_back({floats, padded ? 0 : p, padded || output ? end : last});
      owners.emplace_back(t, false);
    }
    if (!options_.training || !learns[t]) continue;
    if (consumers[t].size() > 1) {
      throw Error("ERR_GRAPH", "Tensor '" + tensor.name +
                                   "' is read by several nodes, which gradients can't flow through.");
    }
    const int first = consumers[t].empty() ? count : backward_time(consumers[t][0]);
    const int last = graph_.nodes[p].op == "embedding" ? end : backward_time(p);
    requests.push_back({floats, padded ? 0 : first, padded ? end : last});
    owners.emplace_back(t, true);
  }
  const int64_t margin = options_.guards ? kMargin : 0;
  plan_ = plan_memory(requests, margin);
  arena_ = AlignedBuffer<float>(plan_.floats);
  if (options_.guards) std::fill(arena_.data(), arena_.data() + arena_.size(), kSentinel);
  for (size_t r = 0; r < requests.size(); r++) {
    Tensor& tensor = tensors_[owners[r].first];
    float* data = arena_.data() + plan_.offsets[r];
    if (options_.guards) std::fill(data, data + requests[r].floats, 0.0f);
    (owners[r].second ? tensor.gradient : tensor.value) = data;
  }
}

void Program::build_ops() {
  BuildContext build{context_, graph_, tensors_, *store_, memory_of_, {}};
  build.virtual_slots.assign(tensors_.size(), nullptr);
  for (const NodeSpec& node : graph_.nodes) {
    ops_.push_back(build_op(build, node));
    if (node.op != "embedding") continue;
    embeddings_.push_back(
        {static_cast<const Embedding*>(ops_.back().get()), memory_of_[node.parameters[0]], nullptr});
  }
  if (tensors_[graph_.logits].cols == 1)
    loss_ = std::make_unique<BceLoss>(context_, &tensors_[graph_.logits]);
}

void Program::build_updates() {
  size_t next = 0;
  for (const NodeSpec& node : graph_.nodes) {
    if (node.op != "embedding") continue;
    EmbeddingState& state = embeddings_[next++];
    state.update =
        std::make_unique<ChunkUpdate>(&team_, context_.isa, state.op->addressing(), options_.optimizer,
                                      embedding_gradient_is_dense(node), context_.max_batch);
  }
  const auto& parameters = store_->parameters();
  for (size_t p = 0; p < parameters.size(); p++) {
    if (!parameters[p].gradient) continue;
    for (int64_t first = 0; first < parameters[p].stored(); first += kUpdateBlock) {
      dense_blocks_.push_back(
          {static_cast<int>(p), first, std::min(kUpdateBlock, parameters[p].stored() - first)});
    }
  }
}

void Program::check_batch(const Batch& batch) const {
  for (const EmbeddingState& embedding : embeddings_)
    check_ids(batch.sparse, batch.B, embedding.op->addressing());
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
    timed(graph_.nodes[i].name + ".backward", [&] { ops_[i]->backward(batch); });
    check_guards(graph_.nodes[i].name);
  }
}

void Program::update(const Batch& batch, double learning_rate, int64_t step) {
  const UpdateScalars scalars = update_scalars(options_.optimizer, static_cast<float>(learning_rate), step);
  OptimizerSpec dense = options_.optimizer;
  // A row of a layer's weights isn't an embedding: rowwise-adagrad falls back to adagrad for them, as
  // TorchRec's recipes do.
  if (dense.kind == OptimizerKind::kRowwiseAdagrad) dense.kind = OptimizerKind::kAdagrad;
  const auto kernel = context_.isa == Isa::kAvx512 ? update_range_avx512 : update_range_ref;
  timed("update.dense", [&] {
    team_.run(static_cast<int64_t>(dense_blocks_.size()), [&](int64_t i) {
      const DenseBlock& block = dense_blocks_[i];
      const Parameter& parameter = store_->parameters()[block.parameter];
      const std::vector<float*> states = store_->states(block.parameter);
      const auto state = [&](size_t s) { return s < states.size() ? states[s] + block.first : nullptr; };
      kernel(parameter.value + block.first, parameter.gradient + block.first, state(0), state(1), block.count,
             dense, scalars);
    });
  });
  timed("update.embedding", [&] {
    for (EmbeddingState& embedding : embeddings_) {
      Memory& memory = store_->memory(embedding.memory);
      const auto state = [&](size_t s) {
        return s < memory.states.size() ? memory.states[s].data() : nullptr;
      };
      const Tensor& slots = embedding.op->slots();
      embedding.update->apply(memory.value.data(), state(0), state(1), embedding.op->starts(), slots.gradient,
                              slots.ld, batch.B, scalars);
    }
  });
  for (auto& op : ops_) {
    if (op) op->parameters_changed();
  }
}

int64_t Program::train(const Batch& rows, int64_t batch_size, int64_t first_step,
                       const double* learning_rates, double* losses, int64_t* losses_filled,
                       const std::atomic<bool>& stop) {
  if (!options_.training || !loss_)
    throw Error("ERR_GRAPH", "This engine was built for prediction and can't train.");
  if (batch_size < 1 || batch_size > context_.max_batch) {
    throw Error("ERR_GRAPH", "A batch of " + std::to_string(batch_size) +
                                 " rows doesn't fit an engine built for " +
                                 std::to_string(context_.max_batch) + ".");
  }
  check_batch(rows);
  int64_t step = 0;
  *losses_filled = 0;
  for (int64_t first = 0; first < rows.B && !stop; first += batch_size, step++) {
    const Batch batch =
        slice(rows, first, std::min(batch_size, rows.B - first), graph_.num_dense, graph_.num_tables);
    forward(batch);
    timed("loss", [&] { losses[step] = loss_->run(batch); });
    *losses_filled = step + 1;
    if (!std::isfinite(losses[step])) return step;
    backward(batch);
    update(batch, learning_rates[step], first_step + step);
  }
  return step;
}

void Program::predict(const Batch& rows, float* logits, const std::atomic<bool>& stop) {
  const Tensor& out = tensors_[graph_.logits];
  if (out.cols != 1) throw Error("ERR_GRAPH", "The graph's output isn't one logit a row.");
  check_batch(rows);
  for (int64_t first = 0; first < rows.B && !stop; first += context_.max_batch) {
    const Batch batch =
        slice(rows, first, std::min(context_.max_batch, rows.B - first), graph_.num_dense, graph_.num_tables);
    forward(batch);
    std::memcpy(logits + first, out.value, batch.B * sizeof(float));
  }
}

TraceResult Program::trace(const Batch& batch, const float* output_gradient) {
  if (!options_.training)
    throw Error("ERR_GRAPH", "This engine was built for prediction and has no gradients.");
  if (batch.B > context_.max_batch)
    throw Error("ERR_GRAPH", "The batch is larger than the engine was built for.");
  const Tensor& out = tensors_[graph_.logits];
  TraceResult result{std::nan(""), {}, {}, {}};
  const auto collect = [&](const float* data, const Tensor& tensor) {
    std::vector<float> values(batch.B * tensor.cols);
    for (int64_t b = 0; b < batch.B; b++) {
      std::copy_n(data + b * tensor.ld, tensor.cols, values.data() + b * tensor.cols);
    }
    return values;
  };
  check_batch(batch);
  forward(batch);
  // Values are collected before the backward pass, which may reuse the memory of those nobody reads any more.
  for (const Tensor& tensor : tensors_) {
    if (tensor.value) result.values[tensor.name] = collect(tensor.value, tensor);
  }
  if (!output_gradient) {
    if (!loss_) throw Error("ERR_GRAPH", "The graph's output isn't one logit a row: give its gradient.");
    result.loss = loss_->run(batch);
  } else if (out.gradient) {
    for (int64_t b = 0; b < batch.B; b++) {
      std::copy_n(output_gradient + b * out.cols, out.cols, out.gradient + b * out.ld);
    }
  }
  for (size_t i = ops_.size(); i-- > 0;) {
    const Tensor& tensor = tensors_[graph_.nodes[i].output];
    if (!ops_[i] || !tensor.gradient) continue;
    result.gradients[tensor.name] = collect(tensor.gradient, tensor);
    ops_[i]->backward(batch);
    check_guards(graph_.nodes[i].name);
  }
  for (const EmbeddingState& embedding : embeddings_) {
    const Tensor& slots = embedding.op->slots();
    std::vector<float> dmemory(store_->memory(embedding.memory).floats, 0.0f);
    scatter_add_ref(dmemory.data(), slots.gradient, slots.ld, embedding.op->starts(), batch.B,
                    embedding.op->addressing());
    for (size_t p = 0; p < memory_of_.size(); p++) {
      if (memory_of_[p] != embedding.memory) continue;
      const Parameter& parameter = store_->parameters()[p];
      const auto first = dmemory.begin() + (parameter.value - store_->memory(embedding.memory).value.data());
      result.parameter_gradients[parameter.name] = {first, first + parameter.cols};
    }
  }
  for (const Parameter& parameter : store_->parameters()) {
    if (!parameter.gradient) continue;
    std::vector<float>& out_gradient = result.parameter_gradients[parameter.name];
    for (int64_t r = 0; r < parameter.rows; r++) {
      out_gradient.insert(out_gradient.end(), parameter.gradient + r * parameter.ld,
                          parameter.gradient + r * parameter.ld + parameter.cols);
    }
  }
  return result;
}

void Program::parameters_changed() {
  for (auto& op : ops_) {
    if (op) op->parameters_changed();
  }
}

void Program::check_guards(const std::string& after) const {
  if (!options_.guards) return;
  std::vector<std::pair<int64_t, int64_t>> used;
  for (const Tensor& tensor : tensors_) {
    for (const float* data : {tensor.value, tensor.gradient}) {
      if (data) used.emplace_back(data - arena_.data(), pad_to_vector(tensor.ld * context_.max_batch));
    }
  }
  for (const auto& [offset, floats] : used) {
    for (int64_t i = 1; i <= kMargin; i++) {
      if (arena_[offset - i] == kSentinel && arena_[offset + floats + i - 1] == kSentinel) continue;
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

}  // namespace pss
