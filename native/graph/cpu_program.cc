#include "graph/cpu_program.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "ops/gradient_sum/gradient_sum.h"

namespace pss {

namespace {

constexpr int64_t kUpdateBlock = 1 << 14;  // floats of a dense parameter updated by one task

}  // namespace

CpuProgram::CpuProgram(GraphSpec graph, const EngineOptions& options)
    : Program(std::move(graph), options, std::make_unique<CpuBackend>()),
      context_{&team_, choose_isa(options.isa), options.training, max_batch_, options.precision} {
  compile();
}

void CpuProgram::timed(const std::string& part, const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  timings_[part] +=
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

bool CpuProgram::keeps_bf16(const NodeSpec& producer, const std::vector<const NodeSpec*>& consumers) const {
  if (options_.precision != Precision::kBf16) return false;
  // Of a lookup that is fused with its reader only the gradient is ever stored.
  if (consumers.size() == 1 && can_fuse(producer, *consumers[0])) return true;
  const auto takes = [](const NodeSpec* node) { return takes_bf16(node->op); };
  return takes(&producer) && std::all_of(consumers.begin(), consumers.end(), takes);
}

std::unique_ptr<Op> CpuProgram::build_op(const NodeSpec& node) {
  lookups_.resize(tensors_.size());
  CpuBuildContext build{context_, graph_, tensors_, reads_, *store_, memory_of_, lookups_};
  return pss::build_op(build, node);
}

std::unique_ptr<Op> CpuProgram::build_gradient_sum(const Tensor* total, std::vector<const float*> parts) {
  return std::make_unique<GradientSum>(context_, total, std::move(parts));
}

void CpuProgram::build_rest(bool trains, bool scores) {
  if (scores) loss_ = std::make_unique<BceLoss>(context_, &output());
  for (size_t i = 0; i < ops_.size(); i++) {
    if (!ops_[i]) continue;
    forward_ops_.push_back(static_cast<CpuOp*>(ops_[i].get()));
    row_parts_.push_back(graph_.nodes[i].name + ".forward");
  }
  row_parts_.push_back("loss");
  for (size_t i = ops_.size(); i-- > 0;) {
    if (!ops_[i] || !tensors_[graph_.nodes[i].output].gradient) continue;
    if (gradient_sums_[i]) {
      backward_ops_.push_back(static_cast<CpuOp*>(gradient_sums_[i].get()));
      row_parts_.push_back(graph_.nodes[i].name + ".gradientSum");
    }
    backward_ops_.push_back(static_cast<CpuOp*>(ops_[i].get()));
    row_parts_.push_back(graph_.nodes[i].name + ".backward");
  }
  longest_first_ = forward_ops_;
  std::stable_sort(longest_first_.begin(), longest_first_.end(), [](const CpuOp* a, const CpuOp* b) {
    return a->task_cost(Stage::kWeightGradients) > b->task_cost(Stage::kWeightGradients);
  });
  row_milliseconds_.resize(static_cast<size_t>(team_.threads()) * row_parts_.size());
  if (!trains) return;
  for (const EmbeddingNode& embedding : embeddings_) {
    embedding_updates_.push_back({lookups_[graph_.nodes[embedding.node].output], embedding.memory,
                                  ChunkUpdate(&team_, context_.isa, embedding.addressing, options_.optimizer,
                                              embedding.dense_gradient, max_batch_)});
  }
  // A row of a layer's weights isn't an embedding: rowwise-adagrad falls back to adagrad for them, as
  // TorchRec's recipes do.
  dense_optimizer_ = options_.optimizer;
  if (dense_optimizer_.kind == OptimizerKind::kRowwiseAdagrad)
    dense_optimizer_.kind = OptimizerKind::kAdagrad;
  std::vector<bool> updated(store_->parameters().size(), false);
  for (size_t i = 0; i < ops_.size(); i++) {
    if (!ops_[i] || !static_cast<CpuOp*>(ops_[i].get())->updates_itself()) continue;
    for (const int parameter : graph_.nodes[i].parameters) updated[parameter] = true;
  }
  const auto& parameters = store_->parameters();
  for (size_t p = 0; p < parameters.size(); p++) {
    if (!parameters[p].gradient || updated[p]) continue;
    for (int64_t first = 0; first < parameters[p].stored(); first += kUpdateBlock) {
      dense_blocks_.push_back(
          {static_cast<int>(p), first, std::min(kUpdateBlock, parameters[p].stored() - first)});
    }
  }
}

void CpuProgram::update_block(const Parameter& parameter, int64_t first, int64_t count,
                              const UpdateScalars& scalars) const {
  const auto state = [&](size_t slot) {
    float* data = store_->state(&parameter - store_->parameters().data(), slot);
    return data ? data + first : nullptr;
  };
  add_l2(parameter.gradient + first, parameter.value + first, count, parameter.l2);
  optimizer_kernels(context_.isa)
      .update_range(parameter.value + first, parameter.gradient + first, state(0), state(1), count,
                    dense_optimizer_, scalars);
}

void CpuProgram::update_embeddings(const Batch& batch, UpdateScalars scalars) {
  for (EmbeddingUpdate& embedding : embedding_updates_) {
    const Memory& memory = store_->memory(embedding.memory);
    scalars.l2 = memory.l2;
    const Tensor& slots = embedding.op->slots();
    embedding.update.apply(memory.value.data, memory.state(0), memory.state(1), embedding.op->starts(),
                           slots.gradients(), batch.B, scalars);
  }
}

void CpuProgram::update_weights(const Batch& batch, double learning_rate, int64_t step) {
  class Update final : public ParameterUpdate {
   public:
    Update(const CpuProgram* program, const UpdateScalars& scalars) : program_(program), scalars_(scalars) {}
    void apply(const Parameter& parameter, int64_t first, int64_t count) const override {
      program_->update_block(parameter, first, count, scalars_);
    }
    const float* plain_rate(const Parameter& parameter) const override {
      const bool plain = program_->dense_optimizer_.kind == OptimizerKind::kSgd && parameter.l2 == 0;
      return plain ? &scalars_.learning_rate : nullptr;
    }

   private:
    const CpuProgram* program_;
    UpdateScalars scalars_;
  };
  const UpdateScalars scalars = update_scalars(options_.optimizer, static_cast<float>(learning_rate), step);
  const Update update(this, scalars);
  timed("weightGradients", [&] { run_stage(Stage::kWeightGradients, batch.B, &update); });
  check_guards("weight gradients");
  timed("update.dense", [&] {
    team_.run(static_cast<int64_t>(dense_blocks_.size()), [&](int64_t i) {
      const DenseBlock& block = dense_blocks_[i];
      update_block(store_->parameters()[block.parameter], block.first, block.count, scalars);
    });
  });
  timed("update.embedding", [&] { update_embeddings(batch, scalars); });
  for (CpuOp* op : forward_ops_) {
    if (!op->updates_itself()) op->parameters_changed();
  }
}

void CpuProgram::run_stage(Stage stage, int64_t B, const ParameterUpdate* update) {
  stage_tasks_.clear();
  for (CpuOp* op : longest_first_) {
    const int64_t count = op->tasks(stage, B);
    for (int64_t task = 0; task < count; task++) stage_tasks_.emplace_back(op, task);
  }
  team_.run_in_order(static_cast<int64_t>(stage_tasks_.size()), [&](int64_t i) {
    const auto [op, task] = stage_tasks_[i];
    if (update) {
      op->step_task(B, task, *update);
    } else {
      op->run_task(stage, B, task);
    }
  });
}

void CpuProgram::run_rows(const Batch& batch, int64_t first, int64_t last, bool training) {
  double* milliseconds = row_milliseconds_.data() + ThreadTeam::current() * row_parts_.size();
  auto start = std::chrono::steady_clock::now();
  const auto part_done = [&] {
    const auto now = std::chrono::steady_clock::now();
    *milliseconds++ += std::chrono::duration<double, std::milli>(now - start).count();
    start = now;
  };
  for (CpuOp* op : forward_ops_) {
    op->forward_rows(batch, first, last);
    if (training) op->keep_rows(batch, first, last);
    part_done();
  }
  if (!training) return;
  loss_->run_rows(batch, first, last);
  part_done();
  for (CpuOp* op : backward_ops_) {
    op->backward_rows(batch, first, last);
    part_done();
  }
}

void CpuProgram::run_blocks(const Batch& batch, bool training) {
  timed("packWeights", [&] { run_stage(Stage::kPackWeights, batch.B, nullptr); });
  for (CpuOp* op : forward_ops_) {
    if (training) op->prepare_training(batch.B);
  }
  team_.run_blocks(batch.B, row_block(batch.B),
                   [&](int64_t first, int64_t last) { run_rows(batch, first, last, training); });
  for (size_t i = 0; i < row_milliseconds_.size(); i++) {
    timings_[row_parts_[i % row_parts_.size()]] += row_milliseconds_[i] / team_.threads();
    row_milliseconds_[i] = 0;
  }
  check_guards("rows");
}

double CpuProgram::run_loss(const Batch& batch) {
  team_.run_blocks(batch.B, row_block(batch.B),
                   [&](int64_t first, int64_t last) { loss_->run_rows(batch, first, last); });
  return loss_->total(batch.B);
}

int64_t CpuProgram::run_steps(const Steps& steps, const std::atomic<bool>& stop) {
  for (int64_t step = 0; step < steps.count(); step++) {
    if (stop) return step;
    const int64_t first = step * steps.batch_size;
    const int64_t rows = std::min(steps.batch_size, steps.rows.B - first);
    const Batch batch = slice(steps.rows, first, rows, steps.first_step + step);
    run_blocks(batch, true);
    steps.losses[step] = loss_->total(batch.B);
    *steps.losses_filled = step + 1;
    if (!std::isfinite(steps.losses[step])) return step;
    update_weights(batch, steps.learning_rates[step], steps.first_step + step);
  }
  return steps.count();
}

void CpuProgram::run_predict(const Batch& rows, float* logits, const std::atomic<bool>& stop) {
  for (int64_t first = 0; first < rows.B && !stop; first += max_batch_) {
    const Batch batch = slice(rows, first, std::min(max_batch_, rows.B - first));
    run_blocks(batch, false);
    std::memcpy(logits + first, output().value, static_cast<size_t>(batch.B) * sizeof(float));
  }
}

}  // namespace pss
