// A program on the host, stage by stage: see ops/cpu_op.h.
#pragma once

#include "backend/cpu/cpu_backend.h"
#include "graph/op_list.h"
#include "graph/program.h"
#include "ops/bce_loss/bce_loss.h"
#include "ops/cpu_op.h"
#include "ops/embedding/embedding.h"
#include "optim/chunk_update.h"

namespace pss {

class CpuProgram final : public Program {
 public:
  CpuProgram(GraphSpec graph, const EngineOptions& options);
  std::string isa() const override { return isa_name(context_.isa); }

 private:
  struct EmbeddingUpdate {
    const Embedding* op;
    int memory;
    ChunkUpdate update;
  };
  struct DenseBlock {
    int parameter;
    int64_t first, count;
  };
  std::unique_ptr<Op> build_op(const NodeSpec& node) override;
  std::unique_ptr<Op> build_gradient_sum(const Tensor* total, std::vector<const float*> parts) override;
  void build_rest(bool trains, bool scores) override;
  int64_t run_steps(const Steps& steps, const std::atomic<bool>& stop) override;
  void run_predict(const Batch& rows, float* logits, const std::atomic<bool>& stop) override;
  bool keeps_bf16(const NodeSpec& producer, const std::vector<const NodeSpec*>& consumers) const override;
  bool runs_in_graph_order() const override { return false; }
  Batch stage(const Batch& batch) override { return batch; }
  double run_loss(const Batch& batch) override;
  void timed(const std::string& part, const std::function<void()>& body) override;
  // One stage of all ops at once, each task followed by its update where one is given.
  void run_stage(Stage stage, int64_t B, const ParameterUpdate* update);
  // All ops forward, block of rows by block; with `training` the loss and all ops backward too. See
  // ops/cpu_op.h.
  void run_blocks(const Batch& batch, bool training);
  void run_rows(const Batch& batch, int64_t first, int64_t last, bool training);
  void update_weights(const Batch& batch, double learning_rate, int64_t step);
  void update_block(const Parameter& parameter, int64_t first, int64_t count,
                    const UpdateScalars& scalars) const;
  void update_embeddings(const Batch& batch, UpdateScalars scalars);

  OpContext context_;
  std::vector<CpuOp*> forward_ops_;    // those of ops_ that are there, in order
  std::vector<CpuOp*> backward_ops_;   // those whose output has a gradient, last first
  std::vector<CpuOp*> longest_first_;  // forward_ops_ by the cost of their tasks
  std::vector<std::pair<CpuOp*, int64_t>> stage_tasks_;
  std::vector<std::string>
      row_parts_;  // names of the parts of run_rows: forward of each op, loss, backward of each op
  std::vector<double> row_milliseconds_;   // [thread, part]
  std::vector<const Embedding*> lookups_;  // by tensor: the embedding that makes it, or null
  std::vector<EmbeddingUpdate> embedding_updates_;
  std::unique_ptr<BceLoss> loss_;         // null when the output isn't one logit a row
  std::vector<DenseBlock> dense_blocks_;  // of the parameters that no op updates itself
  OptimizerSpec dense_optimizer_;
};

}  // namespace pss
