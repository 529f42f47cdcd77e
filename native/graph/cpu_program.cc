#include "graph/cpu_program.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

namespace pss {

namespace {

constexpr int64_t kUpdateBlock = 1 << 14;  // floats of a dense parameter updated by one task

}  // namespace

CpuProgram::CpuProgram(GraphSpec graph, const EngineOptions& options)
    : Program(std::move(graph), options, std::make_unique<CpuBackend>()),
      context_{&team_, choose_isa(options.isa), options.training, max_batch_} {
  compile();
}

void CpuProgram::timed(const std::string& part, const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  timings_[part] +=
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

std::unique_ptr<Op> CpuProgram::build_op(const NodeSpec& node) {
  lookups_.resize(tensors_.size());
  CpuBuildContext build{context_, graph_, tensors_, *store_, memory_of_, lookups_};
  return pss::build_op(build, node);
}

void CpuProgram::build_rest(bool trains, bool scores) {
  if (scores) loss_ = std::make_unique<BceLoss>(context_, &output());
  if (!trains) return;
  for (const EmbeddingNode& embedding : embeddings_) {
    embedding_updates_.push_back({lookups_[graph_.nodes[embedding.node].output], embedding.memory,
                                  ChunkUpdate(&team_, context_.isa, embedding.addressing, options_.optimizer,
                                              embedding.dense_gradient, max_batch_)});
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

void CpuProgram::update_dense(const UpdateScalars& scalars) {
  OptimizerSpec dense = options_.optimizer;
  // A row of a layer's weights isn't an embedding: rowwise-adagrad falls back to adagrad for them, as
  // TorchRec's recipes do.
  if (dense.kind == OptimizerKind::kRowwiseAdagrad) dense.kind = OptimizerKind::kAdagrad;
  const auto kernel = context_.isa == Isa::kAvx512 ? update_range_avx512 : update_range_ref;
  team_.run(static_cast<int64_t>(dense_blocks_.size()), [&](int64_t i) {
    const DenseBlock& block = dense_blocks_[i];
    const Parameter& parameter = store_->parameters()[block.parameter];
    const auto state = [&](size_t slot) {
      float* data = store_->state(block.parameter, slot);
      return data ? data + block.first : nullptr;
    };
    kernel(parameter.value + block.first, parameter.gradient + block.first, state(0), state(1), block.count,
           dense, scalars);
  });
}

void CpuProgram::update_embeddings(const Batch& batch, const UpdateScalars& scalars) {
  for (EmbeddingUpdate& embedding : embedding_updates_) {
    const Memory& memory = store_->memory(embedding.memory);
    const Tensor& slots = embedding.op->slots();
    embedding.update.apply(memory.value.data, memory.state(0), memory.state(1), embedding.op->starts(),
                           slots.gradient, slots.ld, batch.B, scalars);
  }
}

void CpuProgram::update(const Batch& batch, double learning_rate, int64_t step) {
  const UpdateScalars scalars = update_scalars(options_.optimizer, static_cast<float>(learning_rate), step);
  timed("update.dense", [&] { update_dense(scalars); });
  timed("update.embedding", [&] { update_embeddings(batch, scalars); });
  parameters_changed();
}

int64_t CpuProgram::run_steps(const Steps& steps, const std::atomic<bool>& stop) {
  for (int64_t step = 0; step < steps.count(); step++) {
    if (stop) return step;
    const int64_t first = step * steps.batch_size;
    const Batch batch = slice(steps.rows, first, std::min(steps.batch_size, steps.rows.B - first));
    forward(batch);
    timed("loss", [&] { steps.losses[step] = loss_->run(batch); });
    *steps.losses_filled = step + 1;
    if (!std::isfinite(steps.losses[step])) return step;
    backward(batch);
    update(batch, steps.learning_rates[step], steps.first_step + step);
  }
  return steps.count();
}

void CpuProgram::run_predict(const Batch& rows, float* logits, const std::atomic<bool>& stop) {
  for (int64_t first = 0; first < rows.B && !stop; first += max_batch_) {
    const Batch batch = slice(rows, first, std::min(max_batch_, rows.B - first));
    forward(batch);
    std::memcpy(logits + first, output().value, static_cast<size_t>(batch.B) * sizeof(float));
  }
}

}  // namespace pss
