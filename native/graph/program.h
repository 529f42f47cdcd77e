// A compiled graph: ops in order, buffers placed, parameters and optimizer state; runs whole steps. Not
// thread-safe: one engine thread owns it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph_spec.h"
#include "graph/memory_plan.h"
#include "graph/op_list.h"
#include "graph/parameter_store.h"
#include "ops/bce_loss/bce_loss.h"
#include "ops/embedding/embedding.h"
#include "optim/chunk_update.h"

namespace pss {

struct TraceResult {
  double loss;
  std::map<std::string, std::vector<float>> values, gradients, parameter_gradients;
};

struct NodeDescription {
  std::string name, op, implementation;
};

class Program {
 public:
  // Throws ERR_GRAPH, ERR_ISA, ERR_MEMORY.
  Program(GraphSpec graph, const EngineOptions& options);

  // One step for every `batch_size` rows. Fills one loss a step; stops early when `stop` is set or a loss
  // isn't finite. Returns the number of steps whose update was applied.
  int64_t train(const Batch& rows, int64_t batch_size, int64_t first_step, const double* learning_rates,
                double* losses, int64_t* losses_filled, const std::atomic<bool>& stop);
  void predict(const Batch& rows, float* logits, const std::atomic<bool>& stop);
  TraceResult trace(const Batch& batch, const float* output_gradient);

  ParameterStore& store() { return *store_; }
  // Parameters were overwritten from outside.
  void parameters_changed();

  Isa isa() const { return context_.isa; }
  int threads() const { return team_.threads(); }
  int64_t activation_bytes() const { return static_cast<int64_t>(arena_.bytes()); }
  std::vector<NodeDescription> describe() const;
  std::map<std::string, double> take_timings();
  int64_t num_dense() const { return graph_.num_dense; }
  int64_t num_tables() const { return graph_.num_tables; }

 private:
  struct EmbeddingState {
    const Embedding* op;
    int memory;
    std::unique_ptr<ChunkUpdate> update;
  };
  struct DenseBlock {
    int parameter;
    int64_t first, count;
  };
  void place_buffers();
  void build_ops();
  void build_updates();
  void check_batch(const Batch& batch) const;
  void forward(const Batch& batch);
  void backward(const Batch& batch);
  void update(const Batch& batch, double learning_rate, int64_t step);
  void check_guards(const std::string& after) const;
  template <typename Body>
  void timed(const std::string& part, const Body& body);

  GraphSpec graph_;
  EngineOptions options_;
  ThreadTeam team_;
  OpContext context_;
  std::vector<int> memory_of_;
  std::unique_ptr<ParameterStore> store_;
  std::vector<Tensor> tensors_;
  MemoryPlan plan_;
  AlignedBuffer<float> arena_;
  std::vector<std::unique_ptr<Op>> ops_;  // by node; null where there is nothing to do
  std::vector<EmbeddingState> embeddings_;
  std::unique_ptr<BceLoss> loss_;  // null when the output isn't one logit a row
  std::vector<DenseBlock> dense_blocks_;
  std::map<std::string, double> timings_;
};

}  // namespace pss
