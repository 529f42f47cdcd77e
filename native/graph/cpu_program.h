// A program on the host: every call has done its work when it returns.
#pragma once

#include "backend/cpu/cpu_backend.h"
#include "graph/op_list.h"
#include "graph/program.h"
#include "ops/bce_loss/bce_loss.h"
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
  void build_rest(bool trains, bool scores) override;
  int64_t run_steps(const Steps& steps, const std::atomic<bool>& stop) override;
  void run_predict(const Batch& rows, float* logits, const std::atomic<bool>& stop) override;
  Batch stage(const Batch& batch) override { return batch; }
  double run_loss(const Batch& batch) override { return loss_->run(batch); }
  void timed(const std::string& part, const std::function<void()>& body) override;
  void update(const Batch& batch, double learning_rate, int64_t step);
  void update_dense(const UpdateScalars& scalars);
  void update_embeddings(const Batch& batch, const UpdateScalars& scalars);

  OpContext context_;
  std::vector<const Embedding*> lookups_;  // by tensor: the embedding that makes it, or null
  std::vector<EmbeddingUpdate> embedding_updates_;
  std::unique_ptr<BceLoss> loss_;  // null when the output isn't one logit a row
  std::vector<DenseBlock> dense_blocks_;
};

}  // namespace pss
