// A program on a GPU. Work is queued on one stream; the batches of a train() call are uploaded on another,
// two ahead, while earlier steps run; the host waits once, at the end, and losses come back together. A full
// batch's step is captured as a CUDA graph the first time and launched as one from then on, where the driver
// can.
#pragma once

#include "backend/cuda/cublaslt.h"
#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/cuda_context.h"
#include "graph/batch_upload.h"
#include "graph/op_list.h"
#include "graph/program.h"
#include "graph/step_graph.h"
#include "ops/bce_loss/bce_loss_cuda.h"
#include "ops/embedding/embedding_cuda.h"
#include "optim/chunk_update_cuda.h"
#include "optim/optimizer_cuda.h"

namespace pss {

class CudaProgram final : public Program {
 public:
  CudaProgram(GraphSpec graph, const EngineOptions& options);
  std::string isa() const override { return "sm_" + std::to_string(device_.compute_capability()); }
  std::map<std::string, double> take_timings() override;

 private:
  struct TimedPart {
    std::string name;
    std::unique_ptr<CudaEvent> start, end;
  };
  std::unique_ptr<Op> build_op(const NodeSpec& node) override;
  std::unique_ptr<Op> build_gradient_sum(const Tensor* total, std::vector<const float*> parts) override;
  void build_rest(bool trains, bool scores) override;
  int64_t run_steps(const Steps& steps, const std::atomic<bool>& stop) override;
  void run_predict(const Batch& rows, float* logits, const std::atomic<bool>& stop) override;
  bool keeps_bf16(const NodeSpec& producer, const std::vector<const NodeSpec*>& consumers) const override;
  bool runs_in_graph_order() const override { return true; }
  Batch stage(const Batch& batch) override;
  double run_loss(const Batch& batch) override;
  void timed(const std::string& part, const std::function<void()>& body) override;

  std::unique_ptr<CublasLt> open_library() const;
  void share_masks();
  int64_t run_segment(const Steps& steps, int64_t first, int64_t count, const std::atomic<bool>& stop);
  StepControl control_for(const Steps& steps, int64_t step, int64_t loss_index) const;
  void launch_step(const UploadedBatch& uploaded, bool full);
  void queue_step(const Batch& batch);
  void queue_update(const Batch& batch);
  void settle_timings();

  CudaDevice& device_;  // the backend's
  const CudaStream& stream_;
  CudaMemory control_;                 // one StepControl
  CudaMemory losses_;                  // of a segment of steps
  std::unique_ptr<CublasLt> library_;  // null where there is none or it isn't wanted
  CudaOpContext context_;
  BatchUpload upload_;
  std::vector<const EmbeddingCuda*> lookups_;  // by tensor: the embedding that makes it, or null
  std::vector<ChunkUpdateCuda> embedding_updates_;
  std::unique_ptr<BceLossCuda> loss_;
  std::unique_ptr<DenseUpdateCuda> dense_update_;
  StepGraph graphs_[BatchUpload::kSlots];  // one a slot, for batches lie at its addresses
  bool uses_graphs_;
  bool capturing_ = false;
  std::vector<TimedPart> timed_parts_;
};

}  // namespace pss
