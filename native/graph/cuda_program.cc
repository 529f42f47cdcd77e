#include "graph/cuda_program.h"

#include <algorithm>
#include <cmath>

#include "ops/gradient_sum/gradient_sum_cuda.h"
#include "ops/linear/linear_cuda.h"

namespace pss {

namespace {

// Steps whose losses wait on the device before the host looks at them.
constexpr int64_t kSegment = 1024;

}  // namespace

CudaProgram::CudaProgram(GraphSpec graph, const EngineOptions& options)
    : Program(std::move(graph), options, std::make_unique<CudaBackend>(options.device_index)),
      device_(static_cast<CudaBackend&>(*backend_).device()),
      stream_(static_cast<CudaBackend&>(*backend_).stream()),
      control_(sizeof(StepControl), stream_),
      losses_(kSegment * sizeof(double), stream_),
      library_(open_library()),
      context_{&device_,
               &stream_,
               control_.as<StepControl>(),
               options.training,
               options.deterministic,
               options.tf32,
               options.precision == Precision::kBf16,
               max_batch_,
               library_.get()},
      upload_(max_batch_, graph_.num_dense, graph_.num_tables, &stream_),
      uses_graphs_(options.graphs && !options.guards && cuda_driver().has_graphs()) {
  compile();
  parameters_changed();
}

std::unique_ptr<CublasLt> CudaProgram::open_library() const {
  const bool rounds = options_.tf32 || options_.precision == Precision::kBf16;
  if (!options_.cublaslt || !prefers_cublaslt(rounds, device_.compute_capability())) return nullptr;
  return CublasLt::open(stream_);
}

// Between two layers nobody else looks; other ops take and give float32.
bool CudaProgram::keeps_bf16(const NodeSpec& producer, const std::vector<const NodeSpec*>& consumers) const {
  return options_.precision == Precision::kBf16 && producer.op == "linear" &&
         std::all_of(consumers.begin(), consumers.end(),
                     [](const NodeSpec* consumer) { return consumer->op == "linear"; });
}

std::unique_ptr<Op> CudaProgram::build_op(const NodeSpec& node) {
  lookups_.resize(tensors_.size());
  CudaBuildContext build{context_, graph_, tensors_, reads_, *store_, memory_of_, lookups_};
  return pss::build_op(build, node);
}

std::unique_ptr<Op> CudaProgram::build_gradient_sum(const Tensor* total, std::vector<const float*> parts) {
  return std::make_unique<GradientSumCuda>(context_, total, parts);
}

void CudaProgram::build_rest(bool trains, bool scores) {
  if (scores) loss_ = std::make_unique<BceLossCuda>(context_, &output(), control_.as<StepControl>());
  if (!trains) return;
  share_masks();
  for (const EmbeddingNode& embedding : embeddings_) {
    embedding_updates_.emplace_back(context_, embedding.addressing, options_.optimizer,
                                    embedding.dense_gradient, store_->memory(embedding.memory).l2);
  }
  std::map<int, Bf16*> rounded;  // by parameter: the copy that products read
  for (size_t i = 0; i < graph_.nodes.size(); i++) {
    const NodeSpec& node = graph_.nodes[i];
    if (node.op == "linear") {
      rounded[node.parameters[0]] = static_cast<LinearCuda*>(ops_[i].get())->rounded_weight();
    }
  }
  std::vector<DenseUpdateBlock> dense;
  for (size_t p = 0; p < store_->parameters().size(); p++) {
    const Parameter& parameter = store_->parameters()[p];
    if (!parameter.gradient) continue;
    dense.push_back({parameter.value, parameter.gradient, store_->state(p, 0), store_->state(p, 1),
                     rounded[static_cast<int>(p)], parameter.stored(), parameter.l2});
  }
  dense_update_ = std::make_unique<DenseUpdateCuda>(context_, options_.optimizer, dense);
}

// Where a layer's input is another layer's output and nobody else reads it, the first writes that layer's
// masked gradient and its bias gradient along with its own input's.
void CudaProgram::share_masks() {
  std::map<int, LinearCuda*> layers;  // by output tensor, where one node alone reads it
  for (size_t i = 0; i < graph_.nodes.size(); i++) {
    const NodeSpec& node = graph_.nodes[i];
    if (node.op != "linear") continue;
    auto* layer = static_cast<LinearCuda*>(ops_[i].get());
    const auto producer = layers.find(node.inputs[0]);
    if (producer != layers.end()) layer->finish_gradient_of(producer->second);
    if (!gradient_sums_[i]) layers[node.output] = layer;
  }
}

void CudaProgram::timed(const std::string& part, const std::function<void()>& body) {
  if (uses_graphs_) return body();
  TimedPart timing{part, std::make_unique<CudaEvent>(true), std::make_unique<CudaEvent>(true)};
  timing.start->record(stream_);
  body();
  timing.end->record(stream_);
  timed_parts_.push_back(std::move(timing));
}

void CudaProgram::settle_timings() {
  for (const TimedPart& part : timed_parts_) {
    timings_[part.name] += part.end->milliseconds_since(*part.start);
  }
  timed_parts_.clear();
}

std::map<std::string, double> CudaProgram::take_timings() {
  stream_.synchronize();
  settle_timings();
  return Program::take_timings();
}

// The slot isn't released: a trace waits for all its work.
Batch CudaProgram::stage(const Batch& batch) {
  const UploadedBatch uploaded = upload_.next(batch, StepControl{.step = batch.step});
  copy_on_device(control_.data(), uploaded.step_control, kStepInputBytes, stream_);
  stream_.synchronize();
  return uploaded.batch;
}

double CudaProgram::run_loss(const Batch& batch) {
  double loss = 0;
  loss_->run(batch, losses_.as<double>());
  copy_to_host(&loss, losses_.data(), sizeof loss, stream_);
  // A trace changes nothing, so its loss mustn't stop later steps.
  fill_words(&control_.as<StepControl>()->halted, 0, 1, stream_);
  stream_.synchronize();
  return loss;
}

void CudaProgram::queue_update(const Batch& batch) {
  timed("update.dense", [&] { dense_update_->apply(); });
  timed("update.embedding", [&] {
    for (size_t i = 0; i < embeddings_.size(); i++) {
      const Memory& memory = store_->memory(embeddings_[i].memory);
      const Tensor& slots = slots_of(embeddings_[i]);
      embedding_updates_[i].apply(memory.value.data, memory.state(0), memory.state(1), batch.sparse,
                                  slots.gradient, slots.ld, batch.B);
    }
  });
}

void CudaProgram::queue_step(const Batch& batch) {
  forward(batch);
  timed("loss", [&] { loss_->run(batch, losses_.as<double>()); });
  backward(batch);
  queue_update(batch);
}

void CudaProgram::launch_step(const UploadedBatch& uploaded, bool full) {
  copy_on_device(control_.data(), uploaded.step_control, kStepInputBytes, stream_);
  if (!uses_graphs_ || !full) return queue_step(uploaded.batch);
  StepGraph& graph = graphs_[uploaded.slot];
  if (!graph.holds(uploaded.batch.B)) {
    graph.capture(uploaded.batch.B, stream_, [&] { queue_step(uploaded.batch); });
  }
  graph.launch(stream_);
}

StepControl CudaProgram::control_for(const Steps& steps, int64_t step, int64_t loss_index) const {
  const UpdateScalars scalars = update_scalars(
      options_.optimizer, static_cast<float>(steps.learning_rates[step]), steps.first_step + step);
  return {scalars.learning_rate,    scalars.bias_correction1,
          scalars.bias_correction2, static_cast<int32_t>(loss_index),
          steps.first_step + step,  0};
}

// Steps [first, first + count). Returns how many updated the model; fewer than were run when a loss wasn't
// finite: the device left the model alone from there on, so running ahead of the host's look did no harm.
int64_t CudaProgram::run_segment(const Steps& steps, int64_t first, int64_t count,
                                 const std::atomic<bool>& stop) {
  CudaEvent start(true), end(true);
  if (uses_graphs_) start.record(stream_);
  int64_t run = 0;
  for (; run < count && !stop; run++) {
    const int64_t row = (first + run) * steps.batch_size;
    const Batch batch = slice(steps.rows, row, std::min(steps.batch_size, steps.rows.B - row));
    const UploadedBatch uploaded = upload_.next(batch, control_for(steps, first + run, run));
    launch_step(uploaded, batch.B == steps.batch_size);
    upload_.release(uploaded.slot);
  }
  if (uses_graphs_) end.record(stream_);
  copy_to_host(steps.losses + first, losses_.data(), static_cast<size_t>(run) * sizeof(double), stream_);
  fill_words(&control_.as<StepControl>()->halted, 0, 1, stream_);
  stream_.synchronize();
  settle_timings();
  if (uses_graphs_) timings_["step"] += end.milliseconds_since(start);
  const double* losses = steps.losses + first;
  const int64_t applied =
      std::find_if(losses, losses + run, [](double loss) { return !std::isfinite(loss); }) - losses;
  *steps.losses_filled = first + std::min(applied + 1, run);
  return applied;
}

int64_t CudaProgram::run_steps(const Steps& steps, const std::atomic<bool>& stop) {
  int64_t done = 0;
  while (done < steps.count() && !stop) {
    const int64_t count = std::min(kSegment, steps.count() - done);
    const int64_t applied = run_segment(steps, done, count, stop);
    done += applied;
    if (applied < count) break;
  }
  return done;
}

void CudaProgram::run_predict(const Batch& rows, float* logits, const std::atomic<bool>& stop) {
  for (int64_t first = 0; first < rows.B && !stop; first += max_batch_) {
    const Batch batch = slice(rows, first, std::min(max_batch_, rows.B - first));
    const UploadedBatch uploaded = upload_.next(batch, StepControl{});
    copy_on_device(control_.data(), uploaded.step_control, kStepInputBytes, stream_);
    forward(uploaded.batch);
    upload_.release(uploaded.slot);
    copy_to_host(logits + first, output().value, static_cast<size_t>(batch.B) * sizeof(float), stream_);
  }
  stream_.synchronize();
  settle_timings();
}

}  // namespace pss
